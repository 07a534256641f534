"""Every answer that is not a success is JSON: ``{"detail": "<a sentence for a person>"}``."""

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
)

from colorize_service.imaging import ImageError
from colorize_service.inference.model import NothingSuggested, OptionNotTaken
from colorize_service.inference.turn import Abandoned, Busy
from colorize_service.server.api.schemas import Error, answer
from colorize_service.server.engines.protocol import NO_ROOM
from colorize_service.server.storage.folder import no_space
from colorize_service.server.storage.room import StorageFull
from colorize_service.server.storage.store import StoreUnavailable

log = logging.getLogger(__name__)

STORAGE_RETRY_AFTER = 60

# nginx's number for it; nobody is there to read it, the log line shows it.
CLIENT_CLOSED_REQUEST = 499


def init_app(app: Flask) -> None:
    """Register a handler for each kind of error that reaches Flask."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ImageError, _wrong_request)
    app.register_error_handler(OptionNotTaken, _wrong_request)
    app.register_error_handler(NothingSuggested, _wrong_request)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(Abandoned, lambda _: answer(Error(detail="The client is gone."), CLIENT_CLOSED_REQUEST))
    app.register_error_handler(StorageFull, _storage_full)
    app.register_error_handler(StoreUnavailable, _store_unavailable)
    app.register_error_handler(OSError, _os_error)
    app.register_error_handler(Exception, _unexpected)


def unavailable(sentence: str, retry_after: int) -> Response:
    """The answer ``503``: the service cannot take the work now, try again in ``retry_after`` seconds."""
    return _http_error(ServiceUnavailable(sentence, retry_after=retry_after))


def _http_error(error: HTTPException) -> Response:
    response = answer(Error(detail=_sentence(error)), error.code or 500)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def _sentence(error: HTTPException) -> str:
    if error.description and error.description != type(error).description:
        return error.description  # ours, said where it was raised
    if isinstance(error, NotFound):
        return "There is nothing at this address."
    if isinstance(error, MethodNotAllowed):
        return f"{request.method} is not possible here; possible: {', '.join(sorted(error.valid_methods or []))}."
    if isinstance(error, RequestEntityTooLarge):
        return f"The request is too large; the limit is {request.max_content_length} bytes."
    return error.description or f"{error.name}."


def _wrong_request(error: Exception) -> Response:
    return answer(Error(detail=str(error)), 400)


def _busy(error: Busy) -> Response:
    return unavailable(str(error), error.retry_after)


def _storage_full(error: Exception) -> Response:
    log.error("There is no room left to store pictures: %s.", error)
    return unavailable(NO_ROOM, STORAGE_RETRY_AFTER)


def _store_unavailable(error: StoreUnavailable) -> Response:
    log.error("The store of pictures is not available: %s.", error)
    return unavailable("The service cannot reach its pictures now; please try again soon.", error.retry_after)


def _os_error(error: OSError) -> Response:
    # The store says it as StorageFull; other disks can be full as well.
    return _storage_full(error) if no_space(error) else _unexpected(error)


def _unexpected(error: Exception) -> Response:
    log.exception("Error in %s %s", request.method, request.path)
    return _http_error(InternalServerError("Something went wrong on the server; it has been logged."))
