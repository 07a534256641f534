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

# Of what the extra `server` brings, packages that no other is likely to have brought.
_PACKAGES = ("firebase_admin", "flask", "gunicorn", "prometheus_client", "pydantic_settings")
_MISSING = "The service needs packages that the command line does not; in the project's folder: pip install '.[server]'"


def _can_serve() -> bool:
    return all(map(find_spec, _PACKAGES))


class _WithSettings(click.Command):
    """A command whose help lists the settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not _can_serve():
            formatter.write_paragraph()
            formatter.write_text(_MISSING)
            return
        from colorize_service.server.settings import Settings

        described = {name: field.description or "" for name, field in Settings.model_fields.items()}
        with formatter.section("Settings (environment variables)"):
            formatter.write_dl([(name.upper(), text.replace("`", "")) for name, text in described.items()])


@click.command(
    cls=_WithSettings, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--host", help="Instead of the variable HOST.")
@click.option("--port", help="Instead of the variable PORT.")
def serve(host: str | None, port: str | None) -> None:
    """Replace this process with Gunicorn."""
    if not _can_serve():
        raise click.ClickException(_MISSING)
    settings = {name: value for name, value in [("HOST", host), ("PORT", port)] if value is not None}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:colorize_service.server.gunicorn_conf"]
    os.execve(sys.executable, command, os.environ | settings)
