"""The WSGI application: any WSGI server serves ``colorize_service.wsgi:app``."""

import sys

from colorize_service.app import create_app
from colorize_service.settings import Settings, SettingsError

try:
    app = create_app(Settings.load())
except SettingsError as error:
    sys.exit(f"colorize: cannot start.\n{error}")
