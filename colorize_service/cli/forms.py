"""How results are written: their format, which ``-o`` may name, and what they keep of the photo's metadata."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from colorize_service.cli import names
from colorize_service.picture_kinds import RESULTS

Command = TypeVar("Command", bound=Callable[..., Any])

#: The form of a layer, and the format that it has.
LAYER, _FORMAT_OF_LAYER = "layer", "png"

_OPTIONS = [
    click.option(
        "--format",
        "format_",
        type=click.Choice(list(RESULTS)),
        help="Of the results. PNG and TIFF lose nothing, and have 16 bits if the photo has.  [default: what the name "
        "after -o says, else jpeg]",
    ),
    click.option(
        "--layer",
        is_flag=True,
        help="Write the colours alone, as a PNG to lay over the gray photo with an editor's blend mode Color.",
    ),
    click.option(
        "--strip-metadata",
        is_flag=True,
        help="Keep none of the photo's metadata; what made the result is still noted in it.",
    ),
    click.option("--strip-gps", is_flag=True, help="Do not keep the coordinates of where the photo was taken."),
]


@dataclass(frozen=True)
class Wanted:
    """How results are to be written.

    Attributes:
        form: a format of ``RESULTS``, or ``layer``.
        keep: whether the photo's metadata are kept.
        place: whether the coordinates of where it was taken are.
    """

    form: str
    keep: bool
    place: bool

    @property
    def ending(self) -> str:
        """How the results' names end."""
        if self.form == LAYER:
            return names.LAYER + RESULTS[_FORMAT_OF_LAYER][0]
        return names.ENDING + RESULTS[self.form][0]


def form_options(command: Command) -> Command:
    """Give a command the options that :func:`wanted_of` takes."""
    for option in reversed(_OPTIONS):  # click's help lists the option that was added last first
        command = option(command)
    return command


def wanted_of(output: str | None, given: dict[str, Any]) -> Wanted:
    """How results are to be written.

    Args:
        output: where they go, as given.
        given: the command's options by name; those of this module are taken out.

    Raises:
        click.UsageError: if they contradict each other.
    """
    form = _form(output, given.pop("format_"), given.pop("layer"))
    return Wanted(form, keep=not given.pop("strip_metadata"), place=not given.pop("strip_gps"))


def _form(output: str | None, asked: str | None, as_layer: bool) -> str:
    if as_layer and asked not in (None, _FORMAT_OF_LAYER):
        raise click.UsageError(f"--layer writes PNG, and --format asks for {asked}.")
    asked = _FORMAT_OF_LAYER if as_layer else asked
    named = _named(output)
    if asked and named and asked != named:
        why = "--layer writes PNG" if as_layer else f"--format asks for {asked}"
        raise click.UsageError(f"-o {output} names a {named} file, and {why}.")
    return LAYER if as_layer else asked or named or "jpeg"


def _named(output: str | None) -> str | None:
    """The format that a result's name says."""
    if output is None or Path(output).is_dir():
        return None
    suffix = Path(output).suffix.lower()
    return next((name for name, suffixes in RESULTS.items() if suffix in suffixes), None)
