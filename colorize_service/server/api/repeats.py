"""Requests that are repeated: ``Idempotency-Key``."""

import time
from collections.abc import Callable
from functools import wraps

from flask import Response, current_app, request
from werkzeug.exceptions import BadRequest, UnprocessableEntity

from colorize_service.inference.turn import Busy, Turn
from colorize_service.server.answers import Answer, OtherRequest, name_of
from colorize_service.server.api.forms import abandoned, request_form
from colorize_service.server.api.tokens import app_id
from colorize_service.server.logs import note
from colorize_service.server.parts import parts

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST = 255
RETRY_AFTER = 5

View = Callable[[], Response]

# What says nothing about the request itself: the next one with the same key is tried anew.
_NOT_KEPT = (401, 408, 413, 429, 499)
# Headers that do not belong to the connection or to this one answer.
_KEPT_HEADERS = ("Location", "X-Delete-Token", "Preference-Applied")


def once(check: Callable[[], None]) -> Callable[[View], View]:
    """Lets a view do its work once for each ``Idempotency-Key``; repeated requests get the first one's answer.

    Args:
        check: refuses what cannot be done now, before the request's body is read. What was answered before needs no
            room and no model, so only a request that is new is checked.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def kept() -> Response:
            key = request.headers.get(HEADER)
            if key:
                return _once(key, check, view)
            check()
            return view()

        return kept

    return decorate


def _once(key: str, check: Callable[[], None], view: View) -> Response:
    if len(key) > LONGEST:
        raise BadRequest(f"The header {HEADER} is too long: it takes up to {LONGEST} characters.")
    answers, name = parts().answers, name_of(app_id(), key)
    if not answers.known(name):
        check()
    digest = request_form().digest(request.path)
    late = Busy("The first request with this Idempotency-Key is still in work.", RETRY_AFTER)
    turn = Turn(abandoned(), time.monotonic() + parts().settings.queue_timeout, lambda: late)
    try:
        with answers.claim(name, digest, turn.check) as claim:
            if claim.answer is not None:
                return _replayed(claim.answer)
            response = _answer(check, view)
            if response.status_code < 500 and response.status_code not in _NOT_KEPT:
                headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
                claim.keep(Answer(response.status_code, response.get_data(as_text=True), headers))
            return response
    except OtherRequest:
        raise UnprocessableEntity(
            f"This {HEADER} was given to another request: take a new one for each request."
        ) from None


def _answer(check: Callable[[], None], view: View) -> Response:
    """The view's answer, an error's too, as the application makes it."""
    try:
        check()
        return view()
    except Exception as error:
        response: Response = current_app.make_response(current_app.handle_user_exception(error))
        return response


def _replayed(answer: Answer) -> Response:
    note(replayed=True)
    headers = answer.headers | {REPLAYED: "true"}
    return Response(answer.body, answer.status, headers, mimetype="application/json")
