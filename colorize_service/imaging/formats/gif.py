"""GIF (version 89a): the first picture, without what follows it and without texts."""

import functools
import struct

from PIL import GifImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import PillowSource

#: Blocks before the pixels.
MAX_BLOCKS = 65_536

_EXTENSION, _IMAGE, _TRAILER, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9


def read(data: bytes) -> PillowSource:
    """Find the first picture by the lengths of the blocks.

    Raises:
        ImageError: there is none, or the file is damaged or cut off.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    head = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    at, control = head, b""
    for _ in range(MAX_BLOCKS):
        if data[at] == _EXTENSION:
            start, at = at, at + 2
            while data[at]:
                at += 1 + data[at]
                if at - start > MAX_BLOCKS:
                    raise ImageError("The GIF is damaged: its first picture is not found.")
            at += 1
            if data[start + 1] == _CONTROL:
                control = data[start:at]
        elif data[at] == _IMAGE:
            left, top, columns, rows = struct.unpack_from("<4H", data, at + 1)
            size = max(width, left + columns), max(height, top + rows)
            clean = functools.partial(_clean, data, head, control, at)
            return PillowSource("GIF", GifImagePlugin.GifImageFile, clean, size)
        elif data[at] == _TRAILER:
            raise ImageError("The GIF has no picture in it.")
        else:
            at += 1
    raise ImageError("The GIF is damaged: its first picture is not found.")


def _clean(data: bytes, head: int, control: bytes, image: int) -> bytes:
    """The file with its first picture alone."""
    flags = data[image + 9]
    at = image + 10 + (3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return b"".join([data[:head], control, memoryview(data)[image:at], b"\0;"])
