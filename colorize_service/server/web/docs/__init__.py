"""``GET /docs``: the OpenAPI document as a page that can try the calls, shown by Swagger UI."""

from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response

from colorize_service.server.parts import parts
from colorize_service.server.web.files import send_asset, send_page

blueprint = Blueprint("docs", __name__)

FOLDER = Path(__file__).parent
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
    response = send_page(FOLDER)
    response.headers["Content-Security-Policy"] = POLICY.format(origins=origins)
    return response


@blueprint.get("/docs/<path:name>")
def asset(name: str) -> Response:
    """One of the page's files."""
    return send_asset(FOLDER, name)
