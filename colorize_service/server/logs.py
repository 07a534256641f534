"""Log lines: one a request, with its id, as JSON for machines or as text for people."""

import logging
import re
import time
import uuid
from typing import Any

from flask import Flask, Response, g, request

from colorize_service.server import traces

log = logging.getLogger("colorize.request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def logging_config(level: str, log_format: str) -> dict[str, Any]:
    """The ``logging.config.dictConfig`` of the whole process: everything to standard error, one line a record."""
    json_formatter = {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "fmt": "{levelname}{name}{message}",
        "style": "{",
        "timestamp": "time",
        "rename_fields": {"levelname": "level", "name": "logger"},
    }
    text_formatter = {"format": "%(asctime)s %(levelname)-7s %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": json_formatter if log_format == "json" else text_formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {
            # Gunicorn hangs handlers of its own on these; the root's is enough.
            "gunicorn.error": {"level": level.upper(), "handlers": [], "propagate": True},
            "gunicorn.access": {"handlers": [], "propagate": False},
        },
    }


def init_app(app: Flask) -> None:
    """Give each request an id (the client's own ``X-Request-ID`` if it is well formed) and a log line."""
    app.before_request(_begin)
    app.after_request(_end)


def note(**fields: object) -> None:
    """Add fields to the log line of the current request."""
    g.log_fields.update(fields)


def _begin() -> None:
    g.started = time.perf_counter()
    g.log_fields = traces.log_fields()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    traces.mark(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
    fields = {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": milliseconds,
        "client": request.remote_addr,
        "bytes_in": request.content_length,
        "bytes_out": response.content_length,
        **g.log_fields,
    }
    log.info(
        "%s %s %s %s ms", request.method, _printable(request.path), response.status_code, milliseconds, extra=fields
    )
    return response


def _printable(path: str) -> str:
    """The path without control characters: a client must not be able to forge a line of a text log."""
    return "".join(char if char.isprintable() else "?" for char in path)
