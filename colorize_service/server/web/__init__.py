"""The page for people at ``/``: static files, and what they must know of the settings."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, jsonify
from werkzeug.exceptions import NotFound

from colorize_service.server.api.files import send
from colorize_service.server.parts import parts
from colorize_service.server.settings import Settings
from colorize_service.server.web import docs

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}

# What reCAPTCHA and Firebase App Check load and call, by https://developers.google.com/recaptcha/docs/faq ("I'm using
# content-security-policy") and the addresses in the vendored SDK.
RECAPTCHA = "https://www.google.com/recaptcha/"
APP_CHECK_SOURCES = {
    "script-src": f"{RECAPTCHA} https://www.gstatic.com/recaptcha/",
    "frame-src": f"{RECAPTCHA} https://recaptcha.google.com/recaptcha/",
    "connect-src": f"{RECAPTCHA} https://content-firebaseappcheck.googleapis.com",
}

blueprint = Blueprint("web", __name__)


def init_app(app: Flask) -> None:
    """Register the page for people and that of the API's document."""
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(blueprint)


@blueprint.get("/")
def page() -> Response:
    """The page."""
    response = _send("index.html")
    response.headers["Content-Security-Policy"] = content_security_policy(parts().settings)
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # Firebase's API keys are often limited to the sites that the browser names.
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response


@blueprint.get("/page/<path:name>")
def file(name: str) -> Response:
    """A file of the page."""
    if name == "index.html" or name not in _etags():
        raise NotFound
    return _send(name)


@blueprint.get("/page/settings.json")
def settings() -> Response:
    """What the page must know: the limit in bytes, and how it gets App Check tokens or what is missing for that."""
    known = parts().settings
    response = jsonify(max_upload_bytes=known.max_upload_bytes, app_check=_app_check(known))
    response.headers["Cache-Control"] = "no-cache"
    return response


def content_security_policy(known: Settings) -> str:
    """The page's ``Content-Security-Policy``: its own files only, and Google's where App Check needs them."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(known.page_frame_ancestors) or "'none'",
    }
    if known.app_check and not known.missing_for_page:
        for directive, sources in APP_CHECK_SOURCES.items():
            policy[directive] = f"{policy.get(directive, '')} {sources}".strip()
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


def _app_check(known: Settings) -> dict | None:
    if not known.app_check:
        return None
    if known.missing_for_page:
        return {"missing": known.missing_for_page}
    return {
        "firebase": {
            "projectId": known.firebase_project_id,
            "apiKey": known.firebase_web_api_key,
            "appId": known.firebase_web_app_id,
        },
        "recaptcha": {"kind": known.recaptcha_kind, "site_key": known.recaptcha_site_key},
    }


def _send(name: str) -> Response:
    # Asked for again each time, at the cost of a 304, so that all files of a page are from the same release.
    response = send(FOLDER / name, TYPES[Path(name).suffix], _etags()[name])
    response.headers["Cache-Control"] = "no-cache"
    return response


@cache
def _etags() -> dict[str, str]:
    """The ETag of each file of the page by its path below the folder, the same on all replicas."""
    files = (path for path in FOLDER.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in files}
