"""What API processes and workers say to each other: ids, options and sentences as JSON, and never pixels."""

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from colorize_service.likely import MOST_COLOURS, LikelyColour
from colorize_service.options import MOST_HINTS, OPTIONS, Options
from colorize_service.server.engines.protocol import Description, Times

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
Share = Annotated[float, Meta(ge=0, le=1)]
Byte = Annotated[int, Meta(ge=0, le=255)]
RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/+=-]{1,128}\Z")]


class NotOurs(Exception):
    """A message that nobody here has sent."""


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A photo to colorize, or to tell the likely colours of. What is at its default is not sent, so that a worker of an
    earlier version knows the rest.

    Attributes:
        id: of the result, and of the photo in the store's ``inbox``.
        options: those that are not at their defaults, by name, so that a worker of an earlier version knows them.
        request_id: of the request that brought it.
        upload: the id of the stored upload that is the photo; there is none in the inbox then.
        place: x and y of the point whose surface's likely colours are asked for; nothing is colorized then.
    """

    id: Id
    options: dict[str, Any]
    request_id: RequestId
    upload: Id | None = None
    place: tuple[Share, Share] | None = None


class Colour(msgspec.Struct, frozen=True):
    """A :class:`~colorize_service.likely.LikelyColour`."""

    rgb: tuple[Byte, Byte, Byte]
    share: Share


class Outcome(msgspec.Struct, frozen=True):
    """What has become of a photo.

    Attributes:
        kind: ``done``, or what :mod:`~colorize_service.server.fleet.outcomes` makes an error of.
        sentence: for a person, of an error.
        retry_after: seconds, where it helps to try again.
        pixels, work, engine: as in :class:`Times`, of a photo that is done.
        colours: those that were asked for.
    """

    kind: Literal["done", "image", "option", "missing", "busy", "full", "failed"]
    sentence: str = ""
    retry_after: int = 1
    pixels: int = 0
    work: float = 0.0
    engine: float = 0.0
    colours: Annotated[tuple[Colour, ...], Meta(max_length=MOST_COLOURS)] = ()

    def times(self, seconds: float) -> Times:
        """What the photo took, of which so many seconds have passed since it was sent."""
        return Times(self.pixels, max(0.0, seconds - self.work), self.work, self.engine)

    def likely_colours(self) -> list[LikelyColour]:
        """The colours that were asked for."""
        return [LikelyColour(each.rgb, each.share) for each in self.colours]


def done(times: Times, colours: Sequence[LikelyColour] = ()) -> Outcome:
    """The outcome of a photo that is done."""
    found = tuple(Colour(each.rgb, each.share) for each in colours)
    return Outcome("done", "", 1, times.pixels, times.work, times.engine, found)


def task(photo_id: str, options: Options, request_id: str, upload: str | None) -> Task:
    """The message for a photo."""
    defaults = Options()
    changed = {each.name for each in fields(options) if getattr(options, each.name) != getattr(defaults, each.name)}
    values = {name: value for name, value in asdict(options).items() if name in changed}
    return Task(photo_id, values, request_id, upload)


def read_task(message: object) -> tuple[Task, Options]:
    """A message as it came from the broker, and the options in it.

    Raises:
        NotOurs: if it is of another form, or an option is out of its range.
    """
    try:
        found = msgspec.convert(message, Task)
        options = msgspec.convert(found.options, Options, strict=True)
    except msgspec.ValidationError as error:
        raise NotOurs(str(error)) from None
    if unknown := set(found.options) - set(OPTIONS):
        raise NotOurs(f"Options are unknown: {len(unknown)}")
    for option in OPTIONS.values():
        value = getattr(options, option.name)
        if isinstance(value, (int, float)) and not _within(value, option.least, option.most):
            raise NotOurs(f"The option {option.name} is out of its range.")
    if len(options.hints or ()) > MOST_HINTS:
        raise NotOurs("There are too many hints.")
    for hint in options.hints or ():
        if not (_within(hint.x, 0, 1) and _within(hint.y, 0, 1) and all(0 <= part <= 255 for part in hint.rgb)):
            raise NotOurs("A hint is out of its range.")
    return found, options


def _within(value: float, least: float | None, most: float | None) -> bool:
    return math.isfinite(value) and (least is None or value >= least) and (most is None or value <= most)


def pack(value: Task | Outcome | Description) -> bytes:
    """As JSON."""
    return msgspec.json.encode(value)


def read_outcome(data: bytes) -> Outcome:
    """Raises NotOurs if it is none."""
    try:
        return msgspec.json.decode(data, type=Outcome)
    except msgspec.DecodeError as error:
        raise NotOurs(str(error)) from None


def read_description(data: bytes) -> Description | None:
    """What a worker tells of its model; None if it tells something else."""
    try:
        return msgspec.json.decode(data, type=Description)
    except msgspec.DecodeError:
        return None
