"""``colorize clean``."""

from importlib.util import find_spec

import click

_HELP = """Delete uploads and results that are older than RETENTION_DAYS, and photos left in the inbox for a day.

It is configured by the environment variables of the service, of which it needs those that say where pictures are and
how long they are kept; run it once a day, on one machine. It may run while the service does.

\b
  RETENTION_DAYS=30 STORAGE_DIR=/srv/colorize colorize clean --dry-run"""

_PACKAGES = ("pydantic_settings", "flask")
_MISSING = "This needs packages that the command line does not; in the project's folder: pip install '.[server]'"


@click.command(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--dry-run", is_flag=True, help="Delete nothing, and say what would be deleted.")
def clean(dry_run: bool) -> None:
    """Clean the store that the settings name."""
    if not all(map(find_spec, _PACKAGES)):
        raise click.ClickException(_MISSING)
    from colorize_service.server.cleaning import CannotClean, clean_store

    try:
        cleaned = clean_store(dry_run)
    except CannotClean as error:
        raise click.ClickException(str(error)) from None
    parts = ", ".join(f"{sums.files} {collection}" for collection, sums in cleaned.items())
    size = sum(sums.size for sums in cleaned.values())
    click.echo(f"{'Would delete' if dry_run else 'Deleted'} {parts}: {size} bytes.")
