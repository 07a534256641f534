"""What may be asked of a colorization: the options' names, types, ranges and defaults, in one place.

The form of ``POST /colorize``, the command line and the OpenAPI document all read them here. A new option is a field of
:class:`Options`, and a line where it takes effect.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

#: Quality of the results' JPEG, 1 to 100, unless the operator or user sets another. From 96 on the encoder keeps the
#: luminance most exactly.
JPEG_QUALITY = 96

#: Steps of the sampler that one photo may have.
MOST_STEPS = 50

#: How far a hint reaches: over the surface that it lies on, over a spot of it, or to all that looks like it.
Reach = Literal["surface", "spot", "similar"]

#: Hints that one photo may have.
MOST_HINTS = 100


@dataclass(frozen=True)
class Hint:
    """The colour at a point of the photo.

    Attributes:
        x, y: 0 to 1, in shares of the upright photo's width and height, from its top left corner.
        rgb: sRGB, each part 0 to 255. Only its hue and chroma count: the photo keeps its own luminance.
        reach: ``similar`` is for models that take hints themselves.
    """

    x: float
    y: float
    rgb: tuple[int, int, int]
    reach: Reach = "surface"


def _option(about: str, *, default: object = None, least: float | None = None, most: float | None = None) -> Any:
    return field(default=default, metadata={"about": about, "least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a request asks for.

    Every model takes ``saturation``, ``warmth`` and ``hints``, but for hints that reach what is similar. These and the
    others are taken by some kinds of model, see ``Model.takes``; None stands for the model's own default.
    """

    saturation: float = _option("Strength of the colours; 0 is gray.", default=1.0, least=0, most=2)
    warmth: float = _option(
        "Shift of all colours along the axis from blue to yellow: below 0 colder, above 0 warmer.",
        default=0.0,
        least=-1,
        most=1,
    )
    hints: tuple[Hint, ...] = _option(
        "Colours at points of the photo; of two on one spot the later counts.", default=()
    )
    prompt: str | None = _option("What the photo shows, in English; cut after 77 tokens of CLIP.")
    negative_prompt: str | None = _option("What the result is not to look like; cut as the prompt is.")
    seed: int | None = _option("Another number gives other colours.", least=0, most=2**32 - 1)
    steps: int | None = _option("Steps of the sampler: more take longer and are more exact.", least=1, most=MOST_STEPS)
    guidance_scale: float | None = _option("How closely the prompt is followed.", least=1, most=20)

    def or_else(self, defaults: "Options") -> "Options":
        """These options, with the defaults in place of those that are None."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return Options(**{name: getattr(defaults, name) if value is None else value for name, value in values.items()})

    def of_the_model(self) -> list[str]:
        """The names of the options set here that not every model takes; hints are, if one reaches what is similar."""
        names = [
            name for name, option in OPTIONS.items() if not option.for_every_model and getattr(self, name) is not None
        ]
        return names + ["hints"] * any(hint.reach == "similar" for hint in self.hints)


@dataclass(frozen=True)
class Option:
    """The description of an option.

    Attributes:
        name: of the field in :class:`Options`.
        kind: ``float``, ``int``, ``str``, or ``tuple`` for hints.
        about: a sentence for a person.
        default: None if each model has its own.
        least, most: the bounds of a number, both included; None: there is no bound.
    """

    name: str
    kind: type
    about: str
    default: object
    least: float | None
    most: float | None

    @property
    def for_every_model(self) -> bool:
        """Whether every model takes it."""
        return self.default is not None


def _described() -> dict[str, Option]:
    hints = get_type_hints(Options)
    described = {}
    for each in fields(Options):
        kind = hints[each.name]
        if type(None) in get_args(kind):
            (kind,) = (part for part in get_args(kind) if part is not type(None))
        default = None if each.default is MISSING else each.default
        described[each.name] = Option(each.name, get_origin(kind) or kind, default=default, **each.metadata)
    return described


#: The options by name, in their order.
OPTIONS: Mapping[str, Option] = MappingProxyType(_described())
