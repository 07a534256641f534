"""The boxes of HEIC and AVIF (ISO/IEC 14496-12 and 23008-12), as far as they say what the pictures are.

Of thousands of items, properties and references, those are looked at that the shown picture is made of.
"""

import contextlib
import struct
from collections.abc import Container, Iterator

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.items import Item, Items, Property, check_range, needed

#: Boxes, items, extents and properties of a file.
MAX_BOXES = 16_384
#: Items that a picture is made of.
MAX_PARTS = 8_192

_ALPHAS = {b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:avc:2015:auxid:1"}

Box = tuple[bytes, int, int]  # name, and where its body begins and ends


def split(data: bytes | memoryview, at: int, end: int, left: list[int]) -> Iterator[Box]:
    """The boxes between two places; each is taken from the number of those that are left."""
    while at + 8 <= end:
        _spend(left)
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


def _spend(left: list[int]) -> None:
    left[0] -= 1
    if left[0] < 0:
        raise ImageError("The picture is damaged: it is made of too many pieces.")


def shown_items(data: bytes) -> Items:
    """The items of the shown picture; none where it is not found.

    Raises:
        ImageError: there are too many boxes, or the picture's colours are those of a kind that is not supported.
    """
    found: Items = {}
    with contextlib.suppress(struct.error, IndexError):  # what is cut off here is missed below
        meta = Meta(data)
        found = meta.shown()
        meta.fill(found)
    for item in list(found.values())[:1]:
        check_range(item)
    return found


class Meta:
    """The box that lists a file's items (14496-12, 8.11).

    Raises:
        struct.error, IndexError: a box is cut off.
    """

    def __init__(self, data: bytes):
        self._data, self._view, self._left = data, memoryview(data), [MAX_BOXES]
        self._boxes: dict[bytes, tuple[int, int]] = {}
        for name, start, stop in split(data, 0, len(data), self._left):
            if name == b"meta":
                for inner, body, close in split(data, start + 4, stop, self._left):
                    self._boxes.setdefault(inner, (body, close))
                break
        self.kinds = self._kinds()

    def _kinds(self) -> dict[int, bytes]:
        """The type of each item."""
        data, found = self._data, {}
        if b"iinf" in self._boxes:
            body, close = self._boxes[b"iinf"]
            for name, start, _ in split(data, body + (6 if data[body] == 0 else 8), close, self._left):
                if name == b"infe" and data[start] in (2, 3):
                    wide = data[start] == 3
                    number = int.from_bytes(data[start + 4 : start + (8 if wide else 6)], "big")
                    at = start + (10 if wide else 8)
                    found[number] = data[at : at + 4]
        return found

    def shown(self) -> Items:
        """The primary item and those that it is made of."""
        if b"pitm" not in self._boxes:
            return {}
        at = self._boxes[b"pitm"][0]
        primary = int.from_bytes(self._data[at + 4 : at + (6 if self._data[at] == 0 else 8)], "big")
        parts, auxiliary, multiplied = self._references()
        properties = self.properties({primary, *parts, *auxiliary, *(to for many in parts.values() for to in many)})
        alphas: dict[int, int] = {}
        for item, to in auxiliary.items():
            names = {
                bytes(one.value[4:]).partition(b"\0")[0] for one in properties.get(item, []) if one.name == b"auxC"
            }
            if names & _ALPHAS:
                alphas.setdefault(to, item)
        found: Items = {}
        waiting = [primary]
        while waiting:
            number = waiting.pop(0)
            if number in found or number not in self.kinds:
                continue
            if len(found) >= MAX_PARTS:
                raise ImageError("The picture is damaged: it is made of too many pieces.")
            alpha = alphas.get(number)
            whole = Item(self.kinds[number], needed(properties.get(number, [])), parts.get(number, []), alpha)
            whole.multiplied = number in multiplied
            found[number] = whole
            waiting += whole.parts + ([alpha] if alpha is not None else [])
        return found

    def _references(self) -> tuple[dict[int, list[int]], dict[int, int], set[int]]:
        """Of what items are made, to which one an auxiliary one belongs, and which are multiplied by their alpha."""
        parts: dict[int, list[int]] = {}
        auxiliary: dict[int, int] = {}
        multiplied: set[int] = set()
        if b"iref" in self._boxes:
            body, close = self._boxes[b"iref"]
            width, form = (4, "L") if self._data[body] else (2, "H")
            for name, start, stop in split(self._data, body + 4, close, self._left):
                if name not in (b"dimg", b"auxl", b"prem"):
                    continue
                source, count = struct.unpack_from(f">{form}H", self._data, start)
                count = min(count, (stop - start - width - 2) // width)
                if name == b"prem":
                    multiplied.add(source)
                elif name == b"auxl" and count > 0:
                    auxiliary.setdefault(source, struct.unpack_from(f">{form}", self._data, start + width + 2)[0])
                elif name == b"dimg" and source not in parts:
                    self._left[0] -= count
                    _spend(self._left)
                    parts[source] = list(struct.unpack_from(f">{count}{form}", self._data, start + width + 2))
        return parts, auxiliary, multiplied

    def properties(self, wanted: Container[int]) -> dict[int, list[Property]]:
        """The properties of these items (23008-12, 9.3)."""
        known: list[tuple[bytes, memoryview]] = []
        found: dict[int, list[Property]] = {}
        if b"iprp" in self._boxes:
            for name, start, stop in split(self._data, *self._boxes[b"iprp"], self._left):
                if name == b"ipco":
                    known += [
                        (inner, self._view[value:end])
                        for inner, value, end in split(self._data, start, stop, self._left)
                    ]
                elif name == b"ipma":
                    self._associate(start, wanted, known, found)
        return found

    def _associate(
        self,
        start: int,
        wanted: Container[int],
        known: list[tuple[bytes, memoryview]],
        found: dict[int, list[Property]],
    ) -> None:
        data, at = self._data, start + 8
        version, wide = data[start], data[start + 3] & 1
        (count,) = struct.unpack_from(">I", data, start + 4)
        form = ">IB" if version else ">HB"
        for _ in range(count):
            _spend(self._left)
            item, number = struct.unpack_from(form, data, at)
            at += 5 if version else 3
            if item in wanted and item not in found:
                values = struct.unpack_from(f">{number}{'H' if wide else 'B'}", data, at)
                top = 0x8000 if wide else 0x80
                for value in values:
                    if 1 <= value & top - 1 <= len(known):
                        name, body = known[(value & top - 1) - 1]
                        found.setdefault(item, []).append(Property(name, body, bool(value & top)))
            at += number * (2 if wide else 1)

    def fill(self, items: Items) -> None:
        """Find the bytes of these items (14496-12, 8.11.3)."""
        if b"iloc" not in self._boxes:
            return
        data, (at, _) = self._data, self._boxes[b"iloc"]
        version, sizes = data[at], data[at + 4 : at + 6]
        size, length_size, base_size, index_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15
        wide = version == 2
        count = int.from_bytes(data[at + 6 : at + (10 if wide else 8)], "big")
        at += 10 if wide else 8
        number_size, method_size = 4 if wide else 2, 2 if version else 0
        extent = (index_size if version else 0) + size + length_size
        for _ in range(count):
            _spend(self._left)
            number = int.from_bytes(data[at : at + number_size], "big")
            at += number_size
            method = int.from_bytes(data[at : at + method_size], "big") & 15
            at += method_size + 2
            base = int.from_bytes(data[at : at + base_size], "big")
            at += base_size
            (extents,) = struct.unpack_from(">H", data, at)
            at += 2
            item = items.get(number)
            if item and not item.pieces and method in (0, 1):
                begin, end = self._boxes.get(b"idat", (0, 0)) if method else (0, len(data))
                for here in range(at, at + extent * extents, extent):
                    _spend(self._left)
                    start = here + extent - size - length_size
                    offset = begin + base + int.from_bytes(data[start : start + size], "big")
                    length = int.from_bytes(data[start + size : here + extent], "big") or max(0, end - offset)
                    item.pieces.append(self._view[offset : min(offset + length, end)])
                    item.whole &= len(item.pieces[-1]) == length
            at += extent * extents
