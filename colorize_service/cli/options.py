"""The options of a colorization, see :mod:`colorize_service.options`, as options of the command line."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import click

from colorize_service.cli.suggest import SHARE
from colorize_service.options import OPTIONS, Hint, Option, Options, Reach

Command = TypeVar("Command", bound=Callable[..., Any])


_HINT = re.compile(f"{SHARE},{SHARE},#([0-9a-fA-F]{{6}})(?:,(surface|spot|similar))?")


def hint(value: str) -> Hint:
    """The Hint of ``x,y,#rrggbb``, x and y from 0 to 1, with or without a reach after another comma.

    Raises:
        click.BadParameter: if ``value`` is of another form.
    """
    found = _HINT.fullmatch(value.replace(" ", ""))
    if not found or max(float(found[1]), float(found[2])) > 1:
        raise click.BadParameter(
            f"{value!r} is no hint: it takes x,y,#rrggbb, such as 0.5,0.25,#336699, x and y from 0 to 1 of "
            "the photo's width and height."
        )
    red, green, blue = bytes.fromhex(found[3])
    return Hint(float(found[1]), float(found[2]), (red, green, blue), cast(Reach, found[4] or "surface"))


def colorization_options(command: Command) -> Command:
    """Give a command an option for each field of ``Options``, of its name with dashes; ``--hint`` for ``hints``."""
    for option in reversed(list(OPTIONS.values())):  # click's help lists the option that was added last first
        command = _click_option(option)(command)
    return command


def options_of(given: Mapping[str, object]) -> Options:
    """The ``Options`` that the command line asks for, from values by name; what was not given has its default."""
    values: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, ())}
    return Options(**values)


def _click_option(option: Option) -> Callable[[Command], Command]:
    if option.kind is tuple:
        about = (
            "The colour at a point of the photo, x and y from 0 to 1 from its top left corner. It reaches over the "
            "surface there, or with ,spot or ,similar at its end over a spot or all that looks alike. May be given "
            "several times."
        )
        return click.option("--hint", option.name, type=hint, metavar="X,Y,#RRGGBB[,REACH]", multiple=True, help=about)
    return click.option(
        f"--{option.name.replace('_', '-')}",
        type=_click_type(option),
        metavar=None if option.kind is str else "N",
        default=option.default,
        show_default=option.for_every_model,
        help=option.about,
    )


def _click_type(option: Option) -> click.FloatRange | click.IntRange | type:
    if option.kind is float:
        return click.FloatRange(option.least, option.most)
    if option.kind is int:
        return click.IntRange(_whole(option.least), _whole(option.most))
    return option.kind


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)
