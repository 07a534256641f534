"""The WSGI application for whoever starts a WSGI server in this folder: ``wsgi:app``."""

from colorize_service.server.wsgi import app

__all__ = ["app"]
