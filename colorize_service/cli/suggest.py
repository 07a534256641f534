"""``colorize --suggest X,Y PHOTO``: the likely colours of a place, in the place of a result."""

import json
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from colorize_service.cli.tasks import STDIN, STDOUT, Plan, Task

if TYPE_CHECKING:
    from colorize_service.colorizer import Colorizer
    from colorize_service.likely import LikelyColour

#: A number from 0 to 1, or a little more.
SHARE = r"(0?\.\d+|0|1|[01]\.\d*)"

_PLACE = re.compile(f"{SHARE},{SHARE}")
# What may stand beside the question.
_BESIDE = {"paths", "place", "bundle", "device", "as_json"}


def place(value: str) -> tuple[float, float]:
    """x and y of ``x,y``, each from 0 to 1.

    Raises:
        click.BadParameter: if ``value`` is of another form.
    """
    found = _PLACE.fullmatch(value.replace(" ", ""))
    if not found or max(float(found[1]), float(found[2])) > 1:
        raise click.BadParameter(
            f"{value!r} is no place: it takes x,y, such as 0.5,0.25, from 0 to 1 of the photo's width and height."
        )
    return float(found[1]), float(found[2])


@dataclass(frozen=True)
class Question:
    """Which colours are likely at a place of a photo.

    Attributes:
        place: x and y, 0 to 1.
        as_json: whether the answer is to be the array that the HTTP API has.
    """

    place: tuple[float, float]
    as_json: bool

    def answer(self, colorizer: "Colorizer", data: bytes) -> bytes:
        """The lines for standard output.

        Raises:
            ImageError: if ``data`` is no photo.
        """
        colours = colorizer.likely_colours(colorizer.open(data), *self.place).colours
        if self.as_json:
            return json.dumps([{"color": each.hex, "share": each.share} for each in colours]).encode() + b"\n"
        with_swatches = sys.stdout.isatty() and os.environ.get("COLORTERM") in ("truecolor", "24bit")
        return "".join(_line(each, with_swatches) for each in colours).encode()


def plan(paths: tuple[str, ...]) -> Plan:
    """The one photo that is asked about.

    Raises:
        click.UsageError: if there are more, or an option beside the question is for results.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in _BESIDE and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--suggest writes no result, so that {parameter.opts[-1]} has no meaning beside it."
            )
    if len(paths) > 1 or Path(paths[0]).is_dir():
        raise click.UsageError("--suggest is about one photo; name one.")
    return Plan([Task(STDIN if paths == ("-",) else Path(paths[0]), STDOUT)], [], Counter())


def _line(found: "LikelyColour", with_swatch: bool) -> str:
    swatch = click.style("    ", bg=found.rgb) + " " if with_swatch else ""
    return f"{swatch}{found.hex}  {100 * found.share:2.0f} %\n"
