"""The options of a colorization on the command line, as :mod:`colorize_service.options` has them."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from colorize_service.options import OPTIONS, Hint, Option, Options

Command = TypeVar("Command", bound=Callable[..., Any])


class HintType(click.ParamType):
    """``x,y,#rrggbb`` -> Hint, x and y 0 to 1."""

    name = "X,Y,#RRGGBB"
    _form = re.compile(r"(0?\.\d+|0|1|[01]\.\d*),(0?\.\d+|0|1|[01]\.\d*),#([0-9a-fA-F]{6})")

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Hint:
        found = self._form.fullmatch(value.replace(" ", ""))
        if not found or max(float(found[1]), float(found[2])) > 1:
            self.fail(
                f"{value!r} is no hint: it takes x,y,#rrggbb, such as 0.5,0.25,#336699, x and y from 0 to 1 of "
                "the photo's width and height.",
                param,
                ctx,
            )
        red, green, blue = bytes.fromhex(found[3])
        return Hint(float(found[1]), float(found[2]), (red, green, blue))


def colorization_options(command: Command) -> Command:
    """Give a command an option for each field of ``Options``; a name with a dash, ``--hint`` for each hint."""
    for option in reversed(OPTIONS.values()):
        command = _click_option(option)(command)
    return command


def options_of(given: Mapping[str, object]) -> Options:
    """What the options of the command line ask for, by their names; what was not given is left to its default."""
    values: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, ())}
    return Options(**values)


def _click_option(option: Option) -> Callable[[Command], Command]:
    if option.kind is tuple:
        about = (
            "The colour at a point of the photo, x and y from 0 to 1 from its top left corner. May be given several "
            "times."
        )
        return click.option("--hint", option.name, type=HintType(), multiple=True, help=about)
    return click.option(
        f"--{option.name.replace('_', '-')}",
        type=_click_type(option),
        metavar=None if option.kind is str else "N",
        default=option.default,
        show_default=option.for_every_model,
        help=option.about,
    )


def _click_type(option: Option) -> click.ParamType | type:
    if option.kind is float:
        return click.FloatRange(option.least, option.most)
    if option.kind is int:
        return click.IntRange(_whole(option.least), _whole(option.most))
    return option.kind


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)
