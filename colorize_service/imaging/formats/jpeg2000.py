"""JPEG 2000 (ITU-T T.800): JP2 files and bare codestreams, through Pillow."""

import functools
import re
import struct

from PIL import Jpeg2KImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import PillowSource, check_library

#: Tile parts, and boxes of a file.
MAX_PARTS = 65_536

_SOC, _SIZ, _SOT, _EOC = b"\xff\x4f", 0xFF51, 0xFF90, 0xFFD9
# What no packet can hold (B.10.1), but for the markers that may stand between packets.
_NO_DATA = re.compile(rb"\xff[\x90\x93-\xff]")
_SUPER = {b"jp2h"}  # boxes of boxes
_KEPT = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"}


def read(data: bytes) -> PillowSource:
    """Read the header: nothing is decoded.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported.
    """
    check_library("JPEG 2000", "jpg_2000")
    head, start, icc = (b"", 0, None) if data.startswith(_SOC) else _boxes(data)
    size, components, depths, tiles = _siz(data, start)
    if components not in (1, 2, 3, 4) or any(depth > 16 for depth in depths):
        raise ImageError("This kind of JPEG 2000 is not supported; a plain 8-bit or 16-bit picture is.")
    if tiles > MAX_PARTS:
        raise ImageError(f"The JPEG 2000 is damaged: it has more than {MAX_PARTS:,} tiles.")
    clean = functools.partial(_clean, data, head, start, tiles)
    is_deep = components == 1 and depths[0] > 8
    return PillowSource("JPEG 2000", Jpeg2KImagePlugin.Jpeg2KImageFile, clean, size, icc=icc, is_deep=is_deep)


def _boxes(data: bytes) -> tuple[bytes, int, bytes | None]:
    """The head of a JP2 of what the pixels need, where the codestream begins, and the colour profile."""
    at, icc = 12, None
    kept: list[bytes] = []
    for _ in range(MAX_PARTS):
        length, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = len(data) if length == 0 else at + length
        if name == b"jp2c":
            header = b"".join(kept)
            signature = data[:12] + struct.pack(">I4s4sI4s", 20, b"ftyp", b"jp2 ", 0, b"jp2 ")
            return signature + struct.pack(">I4s", 8 + len(header), b"jp2h") + header, body, icc
        if end <= at:
            break
        if name in _SUPER:
            at = body
            continue
        if name in _KEPT:
            if name == b"colr" and data[body] == 2:
                icc = icc or data[body + 3 : end]
            kept.append(data[at:end])
        at = end
    raise ImageError("The JPEG 2000 is damaged: its picture is not found.")


def _siz(data: bytes, start: int) -> tuple[tuple[int, int], int, list[int], int]:
    """Width and height, number of components, bits of each, and number of tiles (A.5.1)."""
    if data[start : start + 2] != _SOC or struct.unpack_from(">H", data, start + 2) != (_SIZ,):
        raise ImageError("The JPEG 2000 is damaged: its picture has no header.")
    right, bottom, left, top, across, down, tile_left, tile_top, count = struct.unpack_from(">8IH", data, start + 8)
    depths = [(data[start + 42 + 3 * i] & 0x7F) + 1 for i in range(min(count, 16))]
    if not (left < right and top < bottom and across and down and tile_left <= left and tile_top <= top):
        raise ImageError("The JPEG 2000 has no pixels, or its header is damaged.")
    if any(data[start + 42 + 3 * i + 1] == 0 or data[start + 42 + 3 * i + 2] == 0 for i in range(min(count, 16))):
        raise ImageError("The JPEG 2000 is damaged: its header makes no sense.")
    tiles = -((tile_left - right) // across) * -((tile_top - bottom) // down)
    return (right - left, bottom - top), count, depths, tiles


def _clean(data: bytes, head: bytes, start: int, tiles: int) -> bytes:
    """What the pixels need, with the end that the codestream should have.

    The decoder fills what is missing with gray, without a word: so each tile's parts are looked for here.
    """
    end = _end_of_codestream(data, start, tiles)
    stream: list[bytes | memoryview] = [memoryview(data)[start:end], b"\xff\xd9"]
    if not head:
        return b"".join(stream)
    return b"".join([head, struct.pack(">I4s", 8 + end - start + 2, b"jp2c"), *stream])


def _end_of_codestream(data: bytes, start: int, tiles: int) -> int:
    """Where the last tile part ends (A.4.2).

    Raises:
        ImageError: a tile or a part of one is missing.
    """
    at = start + 2
    seen: set[int] = set()
    expected: dict[int, int] = {}
    parts: dict[int, int] = {}
    for _ in range(MAX_PARTS):
        if at + 2 > len(data):
            break
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == _EOC:
            break
        if marker != _SOT:
            if seen:
                break
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
            continue
        tile, length, _, number = struct.unpack_from(">HIBB", data, at + 4)
        seen.add(tile)
        parts[tile] = parts.get(tile, 0) + 1
        expected[tile] = max(expected.get(tile, 0), number)
        if length == 0:  # to the end
            stop = data.rfind(b"\xff\xd9", at)
            at = stop if stop > 0 else len(data)
            break
        if at + length > len(data):
            raise ImageError("The JPEG 2000 is cut off: its end is missing.")
        packets = data.find(b"\xff\x93", at, at + length)
        if packets < 0 or _NO_DATA.search(data, packets + 2, at + length):
            raise ImageError("The JPEG 2000 is damaged: its pixels have changed since it was written.")
        at += length
    if len(seen) < tiles or any(parts[tile] < count for tile, count in expected.items()):
        raise ImageError("The JPEG 2000 is cut off: a part of its pixels is missing.")
    return at
