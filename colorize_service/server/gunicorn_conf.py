"""How Gunicorn hosts the service, wherever it is installed: `colorize serve`. Settings: docs/settings.md."""

import os
import sys
from typing import cast

from colorize_service.server import figures_folder

figures_folder.make_own(os.environ.get("STORAGE_DIR") or "data")  # before Prometheus' client is imported

from flask import Flask  # noqa: E402
from gunicorn.arbiter import Arbiter  # noqa: E402
from prometheus_client import multiprocess  # noqa: E402

import colorize_service.server.app  # noqa: E402, F401  here, before the fork, so that the workers share what it imports
from colorize_service.server import addresses  # noqa: E402
from colorize_service.server.gunicorn_request import HeaderLimits, prepare  # noqa: E402
from colorize_service.server.gunicorn_worker import Worker, most_connections  # noqa: E402
from colorize_service.server.logs import logging_config  # noqa: E402
from colorize_service.server.parts import parts_of  # noqa: E402
from colorize_service.server.settings import Settings, SettingsError  # noqa: E402

try:
    settings = Settings.load()
except SettingsError as error:
    sys.exit(f"colorize: cannot start.\n{error}")

prepare(HeaderLimits(settings.header_fields, settings.header_field_bytes, settings.header_bytes))

wsgi_app = "colorize_service.server.wsgi:app"
bind = addresses.bind(settings)
proc_name = "colorize"

worker_class = Worker
workers = settings.workers
worker_connections = most_connections(settings.connections)
threads = min(settings.threads, worker_connections - 1)
Worker.header_timeout = settings.header_timeout
Worker.send_timeout = settings.send_timeout

# ONNX Runtime's threads and CUDA do not survive a fork: each worker makes its own application and model.
preload_app = False

# The worker's heartbeat comes from its event loop, so a long request does not trip this; a hung worker does.
timeout = 60
graceful_timeout = settings.graceful_timeout
keepalive = settings.keepalive  # an idle connection holds no thread
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(settings.storage_dir)

# Forwarded headers are believed by TRUSTED_PROXIES alone (werkzeug's ProxyFix), not by the client's address.
forwarded_allow_ips = ""

# HeaderLimits judges each header and all together, in Gunicorn's own parser; a faster one knows nothing of that.
http_parser = "python"
limit_request_field_size = settings.header_bytes
limit_request_fields = settings.header_fields

# Signals and /health are enough to run it; a second service of the same user would fight over the socket.
control_socket_disable = True

logconfig_dict = logging_config(settings.log_level, settings.log_format)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """A worker writes its figures into the folder; whatever cleans temporary folders may have taken that away."""
    figures_folder.make_again()


def post_worker_init(worker: Worker) -> None:
    """Load the model as soon as the worker is there, not with its first request."""
    parts_of(cast(Flask, worker.wsgi)).engine.start()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """A worker that has ended holds neither photos nor memory."""
    if figures_folder.VARIABLE in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Arbiter) -> None:
    """Leave no figures behind."""
    figures_folder.remove_own()
