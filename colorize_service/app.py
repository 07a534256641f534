"""The service's application."""

from collections.abc import Callable

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from colorize_service import api, auth, logs, web
from colorize_service.connection import RequestBody
from colorize_service.inference import Engine, Setup, WorkQueue
from colorize_service.metrics import Metrics
from colorize_service.settings import Settings, SettingsError
from colorize_service.storage import Storage
from colorize_service.web import docs


class Service(Flask):
    """The application and its parts."""

    settings: Settings
    storage: Storage
    engine: Engine
    upload_queue: WorkQueue
    metrics: Metrics


def create_app(settings: Settings) -> Service:
    """Wire the parts. The model is loaded in the background from the first request on, or by ``app.engine.start()``.

    Raises:
        SettingsError: if the storage folder cannot be used.
    """
    app = Service(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.url_map.merge_slashes = False  # a redirect would be an answer that is no JSON
    app.settings = settings
    app.storage = _storage(settings)
    app.metrics = Metrics()
    app.engine = Engine(
        settings.model_bundle,
        _setup(settings),
        _queue(settings, app.metrics.watch("colorize")),
        app.metrics.model_is_loaded,
    )
    app.upload_queue = _queue(settings, app.metrics.watch("upload"))

    logs.init_app(app)
    app.metrics.init_app(app)
    app.before_request(app.engine.start)
    auth.init_app(app, settings)
    api.init_app(app)
    app.register_blueprint(docs.blueprint)
    web.init_app(app)
    CORS(
        app,
        origins=settings.cors_origins,
        send_wildcard=True,
        max_age=86400,
        expose_headers=["Content-Disposition", "ETag", "Retry-After", "X-Request-ID"],
    )

    app.wsgi_app = RequestBody(app.wsgi_app, settings.body_timeout, lingering=settings.threads // 4)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)
    return app


def _storage(settings: Settings) -> Storage:
    try:
        return Storage(settings.storage_dir)
    except OSError as error:
        raise SettingsError(f"STORAGE_DIR={settings.storage_dir}: {error.filename}: {error.strerror}.") from error


def _queue(settings: Settings, changed: Callable[[int, int], None]) -> WorkQueue:
    return WorkQueue(settings.max_in_work, settings.max_waiting, settings.queue_timeout, changed)


def _setup(settings: Settings) -> Setup:
    return Setup(
        settings.device, settings.onnx_threads, settings.preset, settings.guidance_interval, settings.max_batch
    )
