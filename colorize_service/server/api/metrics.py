"""``GET /metrics`` for Prometheus, on a port of its own or on the service's."""

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from colorize_service.server.api.paths import is_spelled
from colorize_service.server.parts import parts, parts_of


def init_app(app: Flask) -> None:
    """Serve the figures at ``METRICS_PATH`` of ``METRICS_PORT``; on a port of its own nothing else."""
    settings = parts_of(app).settings
    if settings.metrics_port:
        app.add_url_rule(settings.metrics_path, "metrics", _metrics)
        if settings.metrics_port != settings.port:
            app.before_request(_check_port)


def _metrics() -> Response:
    if not is_spelled(parts().settings.metrics_path):
        raise NotFound
    text, content_type = parts().metrics.text()
    return Response(text, content_type=content_type, headers={"Cache-Control": "no-store"})


def _check_port() -> None:
    # The port that the connection came in by: what a proxy says of its own is no concern here.
    environ = request.environ.get("werkzeug.proxy_fix.orig") or request.environ
    settings = parts().settings
    if (environ["SERVER_PORT"] == str(settings.metrics_port)) != (request.path == settings.metrics_path):
        raise NotFound
