"""``colorize worker``."""

import sys
from importlib.util import find_spec

import click

_HELP = """Take photos from the line of a fleet and colorize them, until a signal says to stop.

It is configured by environment variables, those of the service (colorize serve --help): BROKER_URL, what names the
store, and those of the model. Photos in work are finished before it stops.

\b
  BROKER_URL=redis://queue.internal STORAGE_DIR=/mnt/photos colorize worker"""

_PACKAGES = ("celery", "redis", "flask", "pydantic_settings", "prometheus_client")
_MISSING = "A worker needs more packages than the command line; in the project's folder: pip install '.[server,fleet]'"


@click.command(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def worker() -> None:
    """Work in this process."""
    if not all(map(find_spec, _PACKAGES)):
        raise click.ClickException(_MISSING)
    from colorize_service.server.fleet.worker import run
    from colorize_service.server.settings import SettingsError

    try:
        sys.exit(run())
    except SettingsError as error:
        raise click.ClickException(f"cannot start.\n{error}") from None
