"""Where the server listens: the service's own address, and that of the figures, which never decides over the other."""

import logging
import logging.config
import os
import socket

from colorize_service.server.logs import logging_config
from colorize_service.server.settings import Settings

log = logging.getLogger(__name__)


def bind(settings: Settings) -> list[str]:
    """The addresses to listen on, as Gunicorn takes them.

    That of the figures is left out, with a line in the log, where nobody can listen on it.
    """
    addresses = [_address(settings.host, settings.port)]
    if settings.metrics_port in (0, settings.port):
        return addresses
    figures = _address(settings.metrics_host, settings.metrics_port)
    # A server that Gunicorn has put into another's place (SIGUSR2) is given the sockets, which that one still holds.
    problem = None if "GUNICORN_PID" in os.environ else _problem(settings.metrics_host, settings.metrics_port)
    if problem is None:
        return [*addresses, figures]
    logging.config.dictConfig(logging_config(settings.log_level, settings.log_format))
    log.warning(
        "The figures cannot be read: nobody can listen on %s (%s). Set METRICS_PORT to a free port, or to 0 for none.",
        figures,
        problem,
    )
    return addresses


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _problem(host: str, port: int) -> str | None:
    """Why nobody can listen there now, or None."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Gunicorn's
            listener.bind((host, port))
            listener.listen()
    except OSError as error:
        return error.strerror or str(error)
    return None
