"""One spelling for each address: a proxy's rule for it cannot be passed with another one."""

from flask import Flask, request
from werkzeug.exceptions import NotFound


def init_app(app: Flask) -> None:
    """Refuse paths that begin with two slashes, which the router takes for one."""
    app.before_request(_one_slash)


def _one_slash() -> None:
    if request.environ["PATH_INFO"].startswith("//"):
        raise NotFound


def is_spelled(path: str) -> bool:
    """Whether the client has written the current request's path letter by letter like this, nothing encoded."""
    written: str = request.environ.get("RAW_URI", path)  # where the server does not tell, only the router has judged
    return written.partition("?")[0] == path
