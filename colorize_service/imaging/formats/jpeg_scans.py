"""The scans of a JPEG (ITU-T T.81, B.2.3 and G.1): whether all of them are there, and without a hole."""

import re

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.jpeg_decoder import end_of

#: Bytes of a pixel in a scan, packed by whoever, and those that a picture of few pixels may have.
MAX_PIXEL, MAX_SMALL = 8, 1 << 20
#: Zeros in a row among the pixels, where they mean no flat area.
MAX_ZEROS = 32

# A marker, but not the stuffing, padding and restarts that entropy-coded data contain.
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


class Scans:
    """What was found of a JPEG's scans.

    Attributes:
        pieces: tables, frame and scans, in the file's order.
    """

    def __init__(self, data: bytes):
        self.pieces: list[memoryview] = []
        self._data = data
        self._size, self._components = (0, 0), 0
        self._progressive = self._arithmetic = False
        self._seen: set[int] = set()  # components that have a scan
        # Bits that are still missing of each coefficient of each component of a progressive JPEG; 99: all.
        self._missing: dict[int, list[int]] = {}
        self._shortest: dict[int, int] = {}  # of each Huffman table: what a code of zeros alone means

    def begin(self, size: tuple[int, int], components: bytes, progressive: bool, arithmetic: bool) -> None:
        """A frame was found.

        Args:
            size: width and height in pixels.
            components: their names.
        """
        self._size, self._progressive, self._arithmetic = size, progressive, arithmetic
        self._components = len(components)
        self._missing = {name: [99] * 64 for name in components}

    def learn(self, tables: memoryview) -> None:
        """Huffman tables were found: note of each the symbol whose code is zeros alone (B.2.4.2 and C.2)."""
        at = 0
        while at + 17 < len(tables):
            self._shortest[tables[at]] = tables[at + 17]
            at += 17 + sum(tables[at + 1 : at + 17])

    def take(self, start: int, body: int, at: int) -> int | None:
        """A scan was found: keep it.

        Args:
            start, body, at: where its header's marker stands, what follows that, and its entropy-coded data.

        Returns:
            Where the search for the next one begins; None behind the last.

        Raises:
            ImageError: it is of nothing that is known, too long, or has a hole.
        """
        data, components = self._data, self._components
        count = data[body + 2] if body + 2 < len(data) else 0
        ids = [data[body + 3 + 2 * i] for i in range(count) if body + 3 + 2 * i < len(data)]
        if not components or not 1 <= count <= 4 or any(name not in self._missing for name in ids) or at > len(data):
            raise ImageError("The JPEG is damaged: it has a scan of nothing that is known.")
        self._seen.update(ids)
        room = at + MAX_PIXEL * self._size[0] * self._size[1] + MAX_SMALL
        tables = [0x10 | data[body + 4 + 2 * i] & 15 for i in range(count)]
        if not self._progressive and count == components:
            # All pixels are in here. The walk ends: where the entropy-coded data end is for the decoder to find.
            self._check_zeros(tables, at, None)
            self.pieces.append(memoryview(data)[start : min(end_of(data, at), room)])
            return None
        found = MARKER.search(data, at, room)
        if not found and room < len(data):
            raise ImageError("The JPEG is damaged: it has more bytes than its pixels can take.")
        end = found.start() if found else len(data)
        if data[body + 3 + 2 * count]:  # coefficients other than the first
            self._check_zeros(tables, at, end)
        if not self._progressive or self._refine(ids, *data[body + 3 + 2 * count : body + 6 + 2 * count]):
            self.pieces.append(memoryview(data)[start:end])
        return end

    def check_complete(self) -> None:
        """Refuse what has not all scans that its pixels need.

        Raises:
            ImageError: of that.
        """
        if not self._seen:
            raise ImageError("The JPEG is cut off: its pixels are missing.")
        whole = self._seen == set(self._missing)
        if not whole or (self._progressive and any(any(bits) for bits in self._missing.values())):
            raise ImageError("The JPEG is cut off: a part of its pixels is missing.")

    def _check_zeros(self, tables: list[int], start: int, end: int | None) -> None:
        """Refuse a scan with a run of zeros that no encoder writes: a hole in the file.

        A run of zeros is a flat area where a code of zeros alone means "no more coefficients in this block". Else it is
        a row of coefficients that are all the same, which a decoder takes without a warning. The scan ends at `end`, or
        where the picture ends. An arithmetic code has no more than a few zeros in a row.
        """
        if not self._arithmetic and all(self._shortest.get(table, 1) & 15 == 0 for table in tables):
            return
        hole = self._data.find(bytes(MAX_ZEROS), start, end)
        if hole >= 0 and self._data[hole : end_of(self._data, start) if end is None else end].strip(b"\0"):
            raise ImageError("The JPEG is damaged: there is a hole in its pixels.")

    def _refine(self, ids: list[int], first: int, last: int, bits: int) -> bool:
        """Note which bits of which coefficients a progressive scan brings (G.1.1); False if it brings none."""
        high, low = bits >> 4, bits & 15
        if last > 63 or first > last:
            raise ImageError("The JPEG is damaged: a scan brings coefficients that do not exist.")
        if high and all(self._missing[name][k] <= low for name in ids for k in range(first, last + 1)):
            return False
        for name in ids:
            self._missing[name][first : last + 1] = [low] * (last + 1 - first)
        return True
