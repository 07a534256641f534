"""How Gunicorn hosts the service, wherever it is installed: `colorize serve`. Settings: docs/settings.md."""

import contextlib
import os
import shutil
import sys
import tempfile
from typing import cast

_OWN = f"colorize-metrics-{os.getpid()}-"
_SHARED = "PROMETHEUS_MULTIPROC_DIR"


def _make_own_folder() -> str | None:
    """A folder of this server's own; None where nothing can be written, not even as STORAGE_DIR."""
    for place in (None, "/dev/shm", os.environ.get("STORAGE_DIR") or "data"):  # the root may be read-only
        with contextlib.suppress(OSError):
            return tempfile.mkdtemp(prefix=_OWN, dir=place)
    return None


# The workers' common figures; Prometheus' client looks for the folder when it is imported. Without one each worker
# answers for itself.
if _OWN not in os.environ.get(_SHARED, ""):  # a reload keeps its folder
    os.environ.pop(_SHARED, None)
    if _folder := _make_own_folder():
        os.environ[_SHARED] = _folder

from flask import Flask  # noqa: E402
from gunicorn.arbiter import Arbiter  # noqa: E402
from prometheus_client import multiprocess  # noqa: E402

import colorize_service.server.app  # noqa: E402, F401  here, before the fork, so that the workers share what it imports
from colorize_service.server import addresses  # noqa: E402
from colorize_service.server.gunicorn_worker import Worker, prepare  # noqa: E402
from colorize_service.server.logs import logging_config  # noqa: E402
from colorize_service.server.metrics import make_shared_folder  # noqa: E402
from colorize_service.server.parts import parts_of  # noqa: E402
from colorize_service.server.settings import Settings, SettingsError  # noqa: E402

try:
    settings = Settings.load()
except SettingsError as error:
    sys.exit(f"colorize: cannot start.\n{error}")

prepare()

wsgi_app = "colorize_service.server.wsgi:app"
bind = addresses.bind(settings)
proc_name = "colorize"

# A photo holds a thread while it is in work or waits; /health and files need others.
worker_class = Worker
workers = settings.workers
threads = settings.threads
worker_connections = max(1000, 2 * threads)
Worker.header_timeout = settings.header_timeout

# ONNX Runtime's threads and CUDA do not survive a fork: each worker makes its own application and model.
preload_app = False

# The worker's heartbeat comes from its event loop, so a long request does not trip this; a hung worker does.
timeout = 60
graceful_timeout = settings.graceful_timeout
keepalive = settings.keepalive  # an idle connection holds no thread
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(settings.storage_dir)

# Forwarded headers are believed by TRUSTED_PROXIES alone (werkzeug's ProxyFix), not by the client's address.
forwarded_allow_ips = ""

# An App Check token is about 1 kB; one of 100 kB is to get its 401 and not Gunicorn's refusal.
limit_request_field_size = 256 * 1024
limit_request_fields = settings.header_fields

# Signals and /health are enough to run it; a second service of the same user would fight over the socket.
control_socket_disable = True

logconfig_dict = logging_config(settings.log_level, settings.log_format)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """A worker writes its figures into the folder; whatever cleans temporary folders may have taken that away."""
    if _SHARED in os.environ:
        make_shared_folder()


def post_worker_init(worker: Worker) -> None:
    """Load the model as soon as the worker is there, not with its first request."""
    parts_of(cast(Flask, worker.wsgi)).engine.start()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """A worker that has ended holds neither photos nor memory."""
    if _SHARED in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Arbiter) -> None:
    """Leave no figures behind."""
    shutil.rmtree(os.environ.get(_SHARED, ""), ignore_errors=True)
