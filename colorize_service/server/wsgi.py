"""The WSGI application: any WSGI server serves ``colorize_service.server.wsgi:app``."""

import sys

from colorize_service.process import prepare_process
from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings, SettingsError

prepare_process()
try:
    app = create_app(Settings.load())
except SettingsError as error:
    sys.exit(f"colorize: cannot start.\n{error}")
