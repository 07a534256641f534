"""The pictures in a HEIC or AVIF, and the parts that they are made of (ISO/IEC 23008-12)."""

import math
import struct
from dataclasses import dataclass, field

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.profiles import HDR_TRANSFERS, MAX_PROFILE_BYTES, PRIMARIES, TRANSFERS, make_profile

#: Properties of an item, and bytes of one that is no colour profile.
MAX_PROPERTIES, MAX_PROPERTY = 64, 65_536

# What the pixels and the upright position need; others are kept where they are marked as essential, so that the decoder
# refuses what it does not know.
_NEEDED = {
    b"ispe",
    b"hvcC",
    b"av1C",
    b"pixi",
    b"colr",
    b"auxC",
    b"irot",
    b"imir",
    b"clap",
    b"pasp",
    b"a1lx",
    b"a1op",
    b"lsel",
}


@dataclass(frozen=True)
class Property:
    """A property of an item.

    Attributes:
        essential: whether a reader that does not know it must not show the item.
    """

    name: bytes
    value: memoryview
    essential: bool = False


@dataclass
class Item:
    """A picture or a part of one.

    Attributes:
        kind: its type.
        parts: numbers of the items that it is put together from, in their order.
        alpha: number of the item that says how opaque it is, and whether its colours are multiplied by that.
        pieces: its bytes, as far as they are there.
        whole: whether all of them are.
    """

    kind: bytes
    properties: list[Property] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    alpha: int | None = None
    multiplied: bool = False
    pieces: list[memoryview] = field(default_factory=list)
    whole: bool = True

    def named(self, name: bytes) -> list[memoryview]:
        """The values of its properties of this name."""
        return [one.value for one in self.properties if one.name == name]

    def size(self) -> tuple[int, int] | None:
        """Width and height before crop and turn."""
        for value in self.named(b"ispe"):
            width, height = struct.unpack_from(">II", value, 4)
            return width, height
        return None

    def crop(self) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom of the part of it that is shown, before it is turned (14496-12, 12.1.4)."""
        size = self.size()
        for value in self.named(b"clap"):
            if size is None or len(value) < 32:
                break
            across, by, down, by_, x, by_x, y, by_y = struct.unpack_from(">4IiIiI", value, 0)
            width, height = across // max(1, by), down // max(1, by_)
            left = math.floor((size[0] - width) / 2 + x / max(1, by_x))
            top = math.floor((size[1] - height) / 2 + y / max(1, by_y))
            return left, top, left + width, top + height
        return None

    def icc(self) -> bytes | None:
        """Its colour profile, or one of the colours that it names by their numbers in ITU-T H.273."""
        for colours in self.named(b"colr"):
            if bytes(colours[:4]) in (b"prof", b"rICC"):
                return bytes(colours[4:])
        for colours in self.named(b"colr"):
            if bytes(colours[:4]) == b"nclx" and len(colours) >= 10:
                primaries, transfer = struct.unpack_from(">HH", colours, 4)
                if primaries in PRIMARIES and transfer in TRANSFERS and (primaries, TRANSFERS[transfer]) != (1, None):
                    return make_profile(TRANSFERS[transfer], PRIMARIES[primaries])
        return None

    def payload(self) -> bytes:
        """Its bytes."""
        return b"".join(self.pieces)


#: Items by number, the shown one first.
Items = dict[int, Item]


def check_range(item: Item) -> None:
    """Refuse colours of a brightness that no screen of eight bits has."""
    for colours in item.named(b"colr"):
        if bytes(colours[:4]) == b"nclx" and len(colours) >= 10:
            transfer = HDR_TRANSFERS.get(int.from_bytes(colours[6:8], "big"))
            if transfer:
                raise ImageError(f"Sorry, HDR pictures ({transfer}) are not supported. Save it with the usual range.")


def needed(properties: list[Property]) -> list[Property]:
    """Those that a decoder must see, none of them of a length that makes no sense."""
    return [
        one
        for one in properties
        if (one.name in _NEEDED or one.essential)
        and len(one.value) <= (MAX_PROFILE_BYTES if one.name == b"colr" else MAX_PROPERTY)
    ][:MAX_PROPERTIES]
