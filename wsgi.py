"""The WSGI application: `gunicorn` with gunicorn.conf.py, or any other WSGI server, serves ``wsgi:app``."""

import sys

from colorize_service import create_app
from colorize_service.settings import Settings, SettingsError

try:
    app = create_app(Settings.load())
except SettingsError as error:
    sys.exit(f"colorize: cannot start.\n{error}")
