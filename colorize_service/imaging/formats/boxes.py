"""The boxes of HEIC and AVIF (ISO/IEC 14496-12 and 23008-12), as far as they say what the pictures are."""

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.profiles import HDR_TRANSFERS

#: Boxes, items and properties of a file.
MAX_BOXES = 65_536

Box = tuple[bytes, int, int]  # name, and where its body begins and ends


@dataclass
class Boxes:
    """What the boxes of a file say.

    Attributes:
        primary: number of the picture that is shown.
        items: where the type of each item stands, by number.
        sizes: of all pictures and of their parts.
        properties: of the primary picture, by name.
    """

    primary: int = 0
    items: dict[int, int] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    properties: dict[bytes, list[memoryview]] = field(default_factory=dict)
    known: list[tuple[bytes, memoryview]] = field(default_factory=list)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # start and length in the file, by item
    left: int = MAX_BOXES

    def kind(self, data: bytes, item: int) -> bytes:
        """The type of an item; nothing if there is none."""
        at = self.items.get(item)
        return b"" if at is None else data[at : at + 4]

    def named(self, name: bytes) -> list[memoryview]:
        """All properties of this name, of whatever item."""
        return [value for known, value in self.known if known == name]

    def icc(self) -> bytes | None:
        """The primary picture's colour profile."""
        for colours in self.properties.get(b"colr", []):
            if bytes(colours[:4]) in (b"prof", b"rICC"):
                return bytes(colours[4:])
        return None

    def spend(self) -> None:
        """Count a piece."""
        self.left -= 1
        if self.left < 0:
            raise ImageError("The picture is damaged: it is made of too many pieces.")


def boxes_of(data: bytes) -> Boxes:
    """Go through the boxes of a file.

    Raises:
        ImageError: there are too many, or the picture's colours are those of a kind that is not supported.
    """
    found = Boxes()
    with contextlib.suppress(struct.error, IndexError):  # what is cut off here is missed by the decoder as well
        _walk(data, 0, len(data), found)
    for colours in found.properties.get(b"colr", []):
        if bytes(colours[:4]) == b"nclx" and len(colours) >= 10:
            transfer = HDR_TRANSFERS.get(int.from_bytes(colours[6:8], "big"))
            if transfer:
                raise ImageError(f"Sorry, HDR pictures ({transfer}) are not supported. Save it with the usual range.")
    return found


def without_metadata(data: bytes, boxes: Boxes) -> bytes:
    """A copy in which the EXIF and XMP data are items of no known type."""
    copy = bytearray(data)
    for at in boxes.items.values():
        if data[at : at + 4] in (b"Exif", b"mime"):
            copy[at : at + 4] = b"none"
    return bytes(copy)


def has_hole(data: bytes, boxes: Boxes, zeros: int) -> bool:
    """Whether so many zeros stand in a row within a picture's bytes."""
    hole = bytes(zeros)
    return any(
        hole in data[start : start + length].rstrip(b"\0")
        for item, extents in boxes.extents.items()
        if boxes.kind(data, item) not in (b"Exif", b"mime", b"grid")
        for start, length in extents
    )


def _split(data: bytes, at: int, end: int, found: Boxes) -> Iterator[Box]:
    while at + 8 <= end:
        found.spend()
        length, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = end if length == 0 else at + length
        if stop < body:
            return
        yield name, body, min(stop, end)
        at = stop


def _walk(data: bytes, at: int, end: int, found: Boxes) -> None:
    associations: list[tuple[int, list[int]]] = []
    for name, start, stop in _split(data, at, end, found):
        if name != b"meta":
            continue
        for inner, body, close in _split(data, start + 4, stop, found):
            if inner == b"pitm":
                found.primary = int.from_bytes(data[body + 4 : body + (6 if data[body] == 0 else 8)], "big")
            elif inner == b"iinf":
                _items(data, body, close, found)
            elif inner == b"iloc":
                _locations(data, body, found)
            elif inner == b"iprp":
                associations += _properties(data, body, close, found)
    for item, numbers in associations:
        for number in numbers if item == found.primary else []:
            if 1 <= number <= len(found.known):
                name, value = found.known[number - 1]
                found.properties.setdefault(name, []).append(value)


def _items(data: bytes, body: int, close: int, found: Boxes) -> None:
    for name, start, _ in _split(data, body + (6 if data[body] == 0 else 8), close, found):
        if name == b"infe" and data[start] in (2, 3):
            wide = data[start] == 3
            number = int.from_bytes(data[start + 4 : start + (8 if wide else 6)], "big")
            found.items[number] = start + (10 if wide else 8)


def _locations(data: bytes, at: int, found: Boxes) -> None:
    """Where the items' bytes stand, as far as these are in the file itself (14496-12, 8.11.3)."""
    version, sizes = data[at], data[at + 4 : at + 6]
    size, length_size, base_size, index_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15
    wide = version == 2
    count = int.from_bytes(data[at + 6 : at + (10 if wide else 8)], "big")
    at += 10 if wide else 8

    def take(length: int) -> int:
        nonlocal at
        if at + length > len(data):
            raise struct.error
        value, at = int.from_bytes(data[at : at + length], "big"), at + length
        return value

    for _ in range(min(count, MAX_BOXES)):
        found.spend()
        item = take(4 if wide else 2)
        method = take(2) & 15 if version else 0
        take(2)
        base, extents = take(base_size), []
        for _ in range(take(2)):
            found.spend()
            take(index_size if version else 0)
            start, length = base + take(size), take(length_size)
            extents.append((start, length or max(0, len(data) - start)))
        if method == 0:
            found.extents[item] = extents


def _properties(data: bytes, body: int, close: int, found: Boxes) -> list[tuple[int, list[int]]]:
    associations: list[tuple[int, list[int]]] = []
    for name, start, stop in _split(data, body, close, found):
        if name == b"ipco":
            for inner, value, end in _split(data, start, stop, found):
                found.known.append((inner, memoryview(data)[value:end]))
                if inner == b"ispe":
                    width, height = struct.unpack_from(">II", data, value + 4)
                    found.sizes.append((width, height))
        elif name == b"ipma":
            associations += _associations(data, start, found)
    return associations


def _associations(data: bytes, start: int, found: Boxes) -> list[tuple[int, list[int]]]:
    version, wide, at = data[start], data[start + 3] & 1, start + 8
    (count,) = struct.unpack_from(">I", data, start + 4)
    rows = []
    for _ in range(min(count, MAX_BOXES)):
        found.spend()
        item, number = struct.unpack_from(">IB" if version else ">HB", data, at)
        at += 5 if version else 3
        width = 2 if wide else 1
        mask = 0x7FFF if wide else 0x7F
        values = [int.from_bytes(data[at + width * i : at + width * (i + 1)], "big") & mask for i in range(number)]
        at += width * number
        rows.append((item, values))
    return rows
