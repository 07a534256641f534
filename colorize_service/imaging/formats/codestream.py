"""The codestream of a JPEG 2000 (ITU-T T.800, Annex A): what the pixels need of it, and whether all of it is there.

Comments, lengths of packets and the like are left out: the decoder keeps a list of all segments that it meets.
"""

import math
import re
import struct
from dataclasses import dataclass, field

from colorize_service.imaging.errors import ImageError

#: Tile parts and segments of a codestream, and those of a header that the decoder gets.
MAX_SEGMENTS, MAX_KEPT = 65_536, 1_024
#: Pixels of a tile, of a precinct and of a code-block in the mean, where there are more than a few of them: the decoder
#: has kilobytes for a tile, and hundreds of bytes for each of the others.
MIN_TILE, MIN_PRECINCT, MIN_BLOCK, FEW = 1_024, 1_024, 256, 1_024
#: Parts of a tile in the mean, where there are more than a few of them.
TILE_PARTS = 16
#: Bytes of a pixel, packed by whoever, and those that a picture of few pixels may have.
MAX_PIXEL, MAX_SMALL = 16, 1 << 20
#: Packets, each of which takes time and a mark, and pixels of one in the mean where there are more.
FEW_PACKETS, MIN_PACKET = 500_000, 64

_SOC, _SIZ, _SOT, _SOD, _EOC, _COD, _COC = 0xFF4F, 0xFF51, 0xFF90, 0xFF93, 0xFFD9, 0xFF52, 0xFF53
# Size, abilities, coding, quantization, regions, order and headers of packets, transforms of components.
_KEPT = {
    _SIZ,
    0xFF50,
    0xFF59,
    _COD,
    _COC,
    0xFF5C,
    0xFF5D,
    0xFF5E,
    0xFF5F,
    0xFF60,
    0xFF61,
    0xFF74,
    0xFF75,
    0xFF77,
    0xFF78,
}
# What no packet can hold (B.10.1), but for the markers that may stand between packets.
_NO_DATA = re.compile(rb"\xff[\x90\x93-\xff]")

Pieces = list[bytes | memoryview]


@dataclass
class Codestream:
    """A codestream's header.

    Attributes:
        start: where it begins in the file.
        size: width and height in pixels.
        tile: width and height of a tile, as far as it lies in the picture.
        components: how many.
        depths: bits of each of the first sixteen.
        steps: columns and rows from one sample of them to the next.
        tiles: how many.
    """

    data: bytes
    start: int
    size: tuple[int, int]
    tile: tuple[int, int]
    components: int
    depths: list[int]
    steps: list[tuple[int, int]]
    tiles: int
    left: int = field(default=MAX_SEGMENTS)

    def clean(self) -> Pieces:
        """What the pixels need, with the end that it should have.

        The decoder fills what is missing with gray, without a word: so each tile's parts are looked for here.

        Raises:
            ImageError: a tile or a part of one is missing, or it is made of too many pieces.
        """
        self.left = MAX_SEGMENTS
        data = self.data
        head, at = self._segments(self.start + 2, len(data))
        stream: Pieces = [b"\xff\x4f", *head]
        parts: dict[int, int] = {}
        expected: dict[int, int] = {}
        while data[at : at + 2] == b"\xff\x90":
            self._spend(MAX_SEGMENTS // (FEW + TILE_PARTS * self.tiles))
            tile, length, part, number = struct.unpack_from(">HIBB", data, at + 4)
            parts[tile] = parts.get(tile, 0) + 1
            expected[tile] = max(expected.get(tile, 0), number)
            end = at + length
            if length == 0:  # to the end
                stop = data.rfind(b"\xff\xd9", at)
                end = stop if stop > 0 else len(data)
            if end > len(data):
                raise ImageError("The JPEG 2000 is cut off: its end is missing.")
            head, packets = self._segments(at + 12, end)
            if data[packets : packets + 2] != b"\xff\x93" or (length and _NO_DATA.search(data, packets + 2, end)):
                raise ImageError("The JPEG 2000 is damaged: its pixels have changed since it was written.")
            length = 12 + sum(map(len, head)) + end - packets
            stream += [struct.pack(">HHHIBB", _SOT, 10, tile, length, part, number), *head]
            stream.append(memoryview(data)[packets:end])
            at = end
        if len(parts) < self.tiles or any(parts[tile] < count for tile, count in expected.items()):
            raise ImageError("The JPEG 2000 is cut off: a part of its pixels is missing.")
        if sum(map(len, stream)) > MAX_PIXEL * self.size[0] * self.size[1] + MAX_SMALL:
            raise ImageError("The JPEG 2000 is damaged: it has more bytes than its pixels can take.")
        return [*stream, b"\xff\xd9"]

    def _segments(self, at: int, end: int) -> tuple[Pieces, int]:
        """The segments of a header that are needed, and where tile parts or packets begin."""
        data, kept = self.data, list[bytes | memoryview]()
        while at + 4 <= end:
            (marker, length) = struct.unpack_from(">HH", data, at)
            if marker in (_SOT, _SOD, _EOC):
                break
            self._spend()
            stop = at + 2 + length
            if marker in _KEPT:
                kept.append(memoryview(data)[at:stop])
                self._spend(MAX_SEGMENTS * (len(kept) > MAX_KEPT))
            if marker in (_COD, _COC):
                self._check_style(data[at + 4 : stop], marker)
            at = stop
        return kept, at

    def _spend(self, count: int = 1) -> None:
        self.left -= max(1, count)
        if self.left < 0:
            raise ImageError("The JPEG 2000 is damaged: it is made of too many pieces.")

    def _check_style(self, body: bytes, marker: int) -> None:
        """Refuse a tile's division into more precincts, code-blocks and packets than its pixels are worth (A.6.1)."""
        layers = int.from_bytes(body[2:4], "big") if marker == _COD else 1
        own, coding = (body[0], body[5:]) if marker == _COD else (body[1], body[2:])
        levels, across, down = coding[0], (coding[1] & 15) + 2, (coding[2] & 15) + 2
        precincts = blocks = 0
        for level in range(min(levels, 32) + 1):
            size = coding[5 + level] if own & 1 else 0xFF
            wide, high = (math.ceil(side / 2 ** (levels - level)) for side in self.tile)
            number = math.ceil(wide / 2 ** (size & 15)) * math.ceil(high / 2 ** (size >> 4))
            inner = 1 if level else 0  # a precinct of the bands has half the side
            area = 2 ** (max(0, min(across, (size & 15) - inner)) + max(0, min(down, (size >> 4) - inner)))
            precincts, blocks = precincts + number, blocks + wide * high // area
        pixels = self.size[0] * self.size[1]
        many = (precincts - levels - 1) * self.tiles > FEW + pixels // MIN_PRECINCT
        many |= blocks * self.tiles > FEW + pixels // MIN_BLOCK
        many |= precincts * layers * self.components * self.tiles > FEW_PACKETS + pixels // MIN_PACKET
        if many:
            self.left = 0
            self._spend()


def codestream_of(data: bytes, start: int) -> Codestream:
    """Read the first segment of a codestream (A.5.1).

    Raises:
        ImageError: it is damaged, or has more tiles than its pixels are worth.
    """
    if struct.unpack_from(">HH", data, start) != (_SOC, _SIZ):
        raise ImageError("The JPEG 2000 is damaged: its picture has no header.")
    right, bottom, left, top, across, down, tile_left, tile_top, count = struct.unpack_from(">8IH", data, start + 8)
    depths = [(data[start + 42 + 3 * i] & 0x7F) + 1 for i in range(min(count, 16))]
    if not (left < right and top < bottom and across and down and tile_left <= left and tile_top <= top):
        raise ImageError("The JPEG 2000 has no pixels, or its header is damaged.")
    steps = [(data[start + 42 + 3 * i + 1], data[start + 42 + 3 * i + 2]) for i in range(min(count, 16))]
    if any(0 in step for step in steps):
        raise ImageError("The JPEG 2000 is damaged: its header makes no sense.")
    tiles = -((tile_left - right) // across) * -((tile_top - bottom) // down)
    width, height = right - left, bottom - top
    tile = min(across, width), min(down, height)
    return Codestream(data, start, (width, height), tile, count, depths, steps, tiles)
