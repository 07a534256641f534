"""``colorize serve``."""

import os
import sys
from importlib.util import find_spec

import click

_HELP = """Start the HTTP service with Gunicorn.

It is configured by environment variables, listed below and in docs/settings.md with their defaults. Clients need
tokens of a Firebase project, unless that is turned off:

\b
  FIREBASE_PROJECT_ID=my-project STORAGE_DIR=/srv/colorize colorize serve
  APP_CHECK=off colorize serve --host 127.0.0.1

Uploads and results go to the folder STORAGE_DIR, by default data in the current one."""

# One package of each that the extra `server` brings and that no other package is likely to have brought.
_PACKAGES = ("firebase_admin", "flask", "gunicorn", "prometheus_client", "pydantic_settings")


def _missing_packages() -> str | None:
    """What to tell someone who installed the command line alone, or None if the service can start."""
    if all(map(find_spec, _PACKAGES)):
        return None
    return "The service needs more packages than the command line: pip install 'colorize-service[server]'"


class _WithSettings(click.Command):
    """Its help lists the settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if missing := _missing_packages():
            formatter.write_paragraph()
            formatter.write_text(missing)
            return
        from colorize_service.server.settings import Settings

        with formatter.section("Settings (environment variables)"):
            formatter.write_dl(
                [(name.upper(), field.description.replace("`", "")) for name, field in Settings.model_fields.items()]
            )


@click.command(
    cls=_WithSettings, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--host", help="Instead of the variable HOST.")
@click.option("--port", help="Instead of the variable PORT.")
def serve(host: str | None, port: str | None) -> None:
    """Replace this process with Gunicorn."""
    if missing := _missing_packages():
        raise click.ClickException(missing)
    settings = {name: value for name, value in [("HOST", host), ("PORT", port)] if value is not None}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:colorize_service.server.gunicorn_conf"]
    os.execve(sys.executable, command, os.environ | settings)
