"""One spelling for each address: a proxy's rule for it cannot be passed with another one."""

import re

from flask import Flask, request
from werkzeug.exceptions import NotFound

# A client may name the whole address (RFC 9112, 3.2.2).
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")


def init_app(app: Flask) -> None:
    """Refuse other spellings of a route that the router would take: more slashes at the begin, encoded characters."""
    app.before_request(_one_spelling)


def _one_spelling() -> None:
    if request.url_rule is not None:
        # What stands for an ID is judged with the token, by the view.
        fixed, _, rest = request.url_rule.rule.partition("<")
        path = _HOST.sub("", _target(), count=1) or "/"
        if not path.startswith(fixed) or (not rest and path != fixed):
            raise NotFound


def is_spelled(path: str) -> bool:
    """Whether the client has written the current request's path letter by letter like this, and no host before it."""
    return _target() == path


def _target() -> str:
    """What the client has asked for, without the query, as it is written where the server tells that."""
    received = request.environ.get("werkzeug.proxy_fix.orig") or request.environ
    target: str = request.environ.get("RAW_URI") or request.environ["PATH_INFO"]
    return target.partition("?")[0].removeprefix(received.get("SCRIPT_NAME") or "")  # where Gunicorn has taken that off
