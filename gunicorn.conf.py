"""How Gunicorn hosts the service; `gunicorn` in this folder finds this file by itself. Settings: docs/settings.md."""

from colorize_service.server.gunicorn_conf import *

wsgi_app = "wsgi:app"
