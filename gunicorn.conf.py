"""How Gunicorn hosts the service; `gunicorn` in this folder finds this file by itself. Settings: docs/settings.md."""

import os
import sys

from colorize_service.gunicorn_worker import Worker, keep_one_heap
from colorize_service.logs import logging_config
from colorize_service.settings import Settings, SettingsError

try:
    settings = Settings.load()
except SettingsError as error:
    sys.exit(f"colorize: cannot start.\n{error}")

wsgi_app = "wsgi:app"
bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
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
keepalive = 5
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None

# Forwarded headers are believed by TRUSTED_PROXIES alone (werkzeug's ProxyFix), not by the client's address.
forwarded_allow_ips = ""

# An App Check token is about 1 kB; one of 100 kB is to get its 401 and not Gunicorn's refusal.
limit_request_field_size = 256 * 1024
limit_request_fields = 50

# Signals and /health are enough to run it; a second service of the same user would fight over the socket.
control_socket_disable = True

logconfig_dict = logging_config(settings.log_level, settings.log_format)


def post_fork(server, worker):
    """Keep the memory of a worker from growing with the number of its threads."""
    keep_one_heap()


def post_worker_init(worker):
    """Load the model as soon as the worker is there, not with its first request."""
    worker.wsgi.engine.start()
