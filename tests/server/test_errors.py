"""Whatever goes wrong, the client reads a sentence about just that, and no other program's words."""

import errno
import logging

import pytest
from flask import Flask, abort, request

from colorize_service.imaging import ImageError
from colorize_service.inference.turn import Busy
from colorize_service.server.api import errors
from colorize_service.server.storage.room import StorageFull


def client_of(raised: Exception | None = None):
    """A client of an application that raises this, or reads the body."""
    app = Flask("test")
    app.config["MAX_CONTENT_LENGTH"] = 10
    errors.init_app(app)

    @app.post("/photo")
    def photo() -> str:
        if raised:
            raise raised
        return str(len(request.get_data()))

    @app.get("/photo/range")
    def part() -> None:
        abort(416)

    return app.test_client()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", "/nowhere", b"", 404, "There is nothing at this address."),
        ("GET", "/photo", b"", 405, "GET is not possible here; possible: OPTIONS, POST."),
        ("POST", "/photo", bytes(11), 413, "The request is too large; the limit is 10 bytes."),
        ("GET", "/photo/range", b"", 416, "The server cannot provide the requested range."),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_why(method, path, body, status, sentence):
    answer = client_of().open(path, method=method, data=body)
    assert (answer.status_code, answer.get_json()) == (status, {"detail": sentence})


@pytest.mark.parametrize(
    ("raised", "status", "says"),
    [
        (ImageError("The PNG is cut off."), 400, "The PNG is cut off."),
        (Busy("Too many photos are waiting.", retry_after=7), 503, "Too many photos are waiting."),
        (StorageFull(), 503, "no room left to store pictures"),
        (OSError(errno.ENOSPC, "No space left on device", "/srv/secret"), 503, "no room left to store pictures"),
        (OSError(errno.EIO, "Input/output error", "/srv/secret"), 500, "it has been logged"),
        (ZeroDivisionError("secret"), 500, "it has been logged"),
    ],
)
def test_an_error_is_the_clients_or_the_servers_and_says_so_without_secrets(raised, status, says, caplog):
    with caplog.at_level(logging.ERROR):
        answer = client_of(raised).post("/photo", data=b"1")
    assert answer.status_code == status and answer.content_type == "application/json"
    (detail,) = answer.get_json().values()
    assert says in detail and "secret" not in detail
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert bool(caplog.records) == (status == 500 or "room" in says)
