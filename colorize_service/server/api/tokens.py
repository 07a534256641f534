"""Tokens of Firebase App Check in requests."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from werkzeug.exceptions import ServiceUnavailable, Unauthorized

from colorize_service.server.app_check import HEADER, KeysUnavailable, TokenRejected
from colorize_service.server.parts import parts

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def app_check_required(view: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Lets a request through to the view only with a valid App Check token, where App Check is on.

    What changes nothing needs a token and leaves it as it is; the others spend it, where the operator wants that.
    Where there is a rate, photos and uploads count.

    Reads the header only, never the body. Raises werkzeug's Unauthorized (401), ServiceUnavailable (503) or
    TooManyRequests (429), these with a Retry-After.
    """

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        verifier = parts().app_check
        if verifier is not None:
            try:
                g.app_id = verifier.verify(request.headers.get(HEADER), spend=request.method not in ("GET", "HEAD"))
            except TokenRejected as error:
                raise Unauthorized(str(error)) from None
            except KeysUnavailable as error:
                raise ServiceUnavailable(str(error), retry_after=error.retry_after) from None
        rates = parts().rates
        if rates is not None and request.method == "POST":
            rates.count(app_id())
        return view(*args, **kwargs)

    return guarded


def app_id() -> str:
    """The id of the app that the current request's token was issued to; empty where App Check is off."""
    found: str = g.get("app_id", "")
    return found
