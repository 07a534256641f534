"""The page for people at ``/``: static files, and what they must know of the settings."""

from pathlib import Path

from flask import Blueprint, Flask, Response

from colorize_service.server.api.schemas import (
    FirebaseApp,
    MissingSettings,
    PageAppCheck,
    PageSettings,
    Recaptcha,
    answer,
)
from colorize_service.server.parts import parts
from colorize_service.server.settings import Settings
from colorize_service.server.web import docs
from colorize_service.server.web.files import send_asset, send_page

FOLDER = Path(__file__).parent / "static"

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
    response = send_page(FOLDER)
    response.headers["Content-Security-Policy"] = content_security_policy(parts().settings)
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # Firebase's API keys are often limited to the sites that the browser names.
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response


@blueprint.get("/page/<path:name>")
def file(name: str) -> Response:
    """A file of the page."""
    return send_asset(FOLDER, name)


@blueprint.get("/page/settings.json")
def settings() -> Response:
    """What the page must know: the limit in bytes, how long photos are kept, and how it gets App Check tokens or what
    is missing for that."""
    known = parts().settings
    body = PageSettings(
        max_upload_bytes=known.max_upload_bytes, retention_days=known.retention_days, app_check=_app_check(known)
    )
    return answer(body, headers={"Cache-Control": "no-cache"})


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


def _app_check(known: Settings) -> PageAppCheck | MissingSettings | None:
    if not known.app_check:
        return None
    if known.missing_for_page:
        return MissingSettings(missing=known.missing_for_page)
    return PageAppCheck(
        firebase=FirebaseApp(
            projectId=known.firebase_project_id,
            apiKey=known.firebase_web_api_key,
            appId=known.firebase_web_app_id,
        ),
        recaptcha=Recaptcha(kind=known.recaptcha_kind, site_key=known.recaptcha_site_key),
        single_use=known.app_check_consume,
    )
