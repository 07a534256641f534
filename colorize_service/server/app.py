"""The service's application."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask
from flask_cors import CORS

from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Model, Setup
from colorize_service.server import api, logs, origins, traces, web
from colorize_service.server.answers import Answers, AnswersInFolder
from colorize_service.server.app_check import AppCheckVerifier, NoServiceAccount
from colorize_service.server.connection import RequestBody
from colorize_service.server.delete_tokens import DeleteTokens
from colorize_service.server.engines.local import LocalEngine
from colorize_service.server.engines.protocol import Engine, Jobs
from colorize_service.server.held_bytes import HeldBytes
from colorize_service.server.metrics import Metrics
from colorize_service.server.parts import Parts, install
from colorize_service.server.proxies import TrustedProxies
from colorize_service.server.queue import WorkQueue
from colorize_service.server.settings import Settings, SettingsError
from colorize_service.server.storage.store import Storage
from colorize_service.server.stores import open_storage

if TYPE_CHECKING:
    from colorize_service.server.rates import Rates


def create_app(settings: Settings) -> Flask:
    """Wire the parts. The model is loaded in the background from the first request on, or by ``engine.start()``.

    Raises:
        SettingsError: if the store of pictures cannot be used, or a package is missing.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.url_map.merge_slashes = False  # a redirect would be an answer that is no JSON
    traces.begin(settings, "colorize", app)
    parts = _parts(app, settings)
    install(app, parts)

    logs.init_app(app)
    parts.metrics.init_app(app)
    app.before_request(parts.engine.start)
    api.init_app(app)
    web.init_app(app)
    CORS(
        app,
        origins=origins.for_flask_cors(settings.cors_origins),
        send_wildcard=True,
        max_age=86400,
        expose_headers=[
            *("Content-Disposition", "ETag", "Idempotent-Replayed", "Location", "Preference-Applied", "Retry-After"),
            *("X-Delete-Token", "X-Request-ID"),
        ],
    )

    wsgi_app = RequestBody(app.wsgi_app, settings.body_timeout)
    proxied = TrustedProxies(wsgi_app, settings.trusted_proxies) if settings.trusted_proxies else wsgi_app
    app.wsgi_app = proxied  # type: ignore[method-assign]  # as Flask's documentation does it
    return app


def _parts(app: Flask, settings: Settings) -> Parts:
    metrics, storage = Metrics(), open_storage(settings)
    secret = settings.delete_secret
    engine, jobs, answers = _engine(settings, storage, metrics)
    return Parts(
        settings=settings,
        storage=storage,
        delete_tokens=DeleteTokens(secret.get_secret_value() if secret else None, storage),
        engine=engine,
        jobs=jobs,
        upload_queue=_queue(settings, metrics.watch("upload")),
        held_bytes=HeldBytes(max(settings.max_held_bytes, settings.max_upload_bytes)),
        metrics=metrics,
        app_check=_verifier(settings),
        answers=answers,
        rates=_rates(app, settings),
    )


def _engine(settings: Settings, storage: Storage, metrics: Metrics) -> tuple[Engine, Jobs | None, Answers]:
    if not settings.broker:
        answers = AnswersInFolder(settings.storage_dir / ".answers")
        return local_engine(settings, storage, metrics)[0], None, answers
    try:
        from colorize_service.server.fleet.engine import FleetEngine
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"BROKER_URL: this needs the package {error.name}; in the project's folder: pip install '.[server,fleet]'"
        ) from None
    engine = FleetEngine(settings, storage, metrics)
    return engine, engine.jobs, engine.answers


def local_engine(settings: Settings, storage: Storage, metrics: Metrics) -> tuple[LocalEngine, WorkQueue]:
    """The engine of one process, and the queue in front of it."""

    def colorizer(model: Model) -> Colorizer:
        return Colorizer(model, max_pixels=settings.max_pixels, quality=settings.jpeg_quality)

    setup = Setup(
        settings.device, settings.onnx_threads, settings.preset, settings.guidance_interval, settings.max_batch
    )
    queue = _queue(settings, metrics.watch("colorize"))
    return LocalEngine(settings.model_bundle, setup, queue, colorizer, storage, metrics), queue


def _queue(settings: Settings, changed: Callable[[int, int], None]) -> WorkQueue:
    return WorkQueue(settings.max_in_work, settings.max_waiting, settings.queue_timeout, changed)


def _rates(app: Flask, settings: Settings) -> "Rates | None":
    if settings.rate_limit is None:
        return None
    from colorize_service.server.rates import Rates

    return Rates(app, settings.rate_limit, settings.replies or None)


def _verifier(settings: Settings) -> AppCheckVerifier | None:
    if not settings.app_check:
        return None
    try:
        return AppCheckVerifier(
            settings.firebase_project_id or "", settings.app_check_jwks_url, consume=settings.app_check_consume
        )
    except NoServiceAccount as error:
        raise SettingsError(
            "APP_CHECK_CONSUME=on: asking Firebase whether a token has been used needs a service account of the "
            f"project; GOOGLE_APPLICATION_CREDENTIALS names its file. {error}"
        ) from error
