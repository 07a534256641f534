"""``GET /docs``: the OpenAPI document as a page that can try the calls, shown by Swagger UI."""

import functools
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from colorize_service.server.api.files import conditional, send
from colorize_service.server.parts import parts

blueprint = Blueprint("docs", __name__)

FOLDER = Path(__file__).parent
ASSETS = {path.name: path for path in FOLDER.rglob("*") if path.suffix in (".css", ".js")}
TYPES = {".js": "text/javascript", ".css": "text/css"}
# Swagger UI has its icons in data URLs and shows pictures that calls return by blob URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src {origins}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/docs")
def docs() -> Response:
    """The page. It may call this service alone: where it was loaded from, and the public base URL."""
    base = parts().settings.public_base_url
    origins = "'self'" if base is None else f"'self' {'{0.scheme}://{0.netloc}'.format(urlsplit(base))}"
    response = Response((FOLDER / "index.html").read_bytes(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY.format(origins=origins)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return conditional(response)


@blueprint.get("/docs/<filename>")
def asset(filename: str) -> Response:
    """One of the page's files."""
    if filename not in ASSETS:
        raise NotFound
    path = ASSETS[filename]
    response = send(path, TYPES[path.suffix], _etag(path))
    response.headers["Cache-Control"] = "no-cache"
    return response


@functools.cache
def _etag(path: Path) -> str:
    """Of the content, so that it is the same on all replicas."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
