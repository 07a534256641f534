"""GIF (version 89a): the first picture, without what follows it and without texts."""

import functools
import struct

from PIL import GifImagePlugin, Image

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import PillowSource

#: Blocks before the pixels, and their pieces, all together.
MAX_BLOCKS = 131_072
#: Pieces of the pixels that are counted, and bytes that a pixel takes at most: two codes, each in pieces of one byte.
MAX_PIECES, MAX_PIXEL = 65_536, 6

_EXTENSION, _IMAGE, _TRAILER, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9


def read(data: bytes) -> PillowSource:
    """Find the first picture by the lengths of the blocks.

    Raises:
        ImageError: there is none, or the file is damaged or cut off.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    head = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    at, control, left = head, b"", MAX_BLOCKS
    while left > 0:
        left -= 1
        if data[at] == _EXTENSION:
            start, at = at, at + 2
            while data[at] and left > 0:
                at += 1 + data[at]
                left -= 1
            at += 1
            if data[start + 1] == _CONTROL:
                control = data[start : start + 3 + data[start + 2]] + b"\0"
        elif data[at] == _IMAGE:
            x, y, columns, rows = struct.unpack_from("<4H", data, at + 1)
            size = max(width, x + columns), max(height, y + rows)
            clean = functools.partial(_clean, data, head, control, at, columns * rows)
            frame = x, y, x + columns, y + rows
            after = None if frame == (0, 0, *size) else functools.partial(_alone, frame=frame)
            return PillowSource("GIF", GifImagePlugin.GifImageFile, clean, size, after=after)
        elif data[at] == _TRAILER:
            raise ImageError("The GIF has no picture in it.")
        else:
            at += 1
    raise ImageError("The GIF is damaged: its first picture is not found.")


def _clean(data: bytes, head: int, control: bytes, image: int, pixels: int) -> bytes:
    """The file with its first picture alone, and not much more of that than its pixels can take."""
    flags = data[image + 9]
    at = start = image + 10 + (3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1
    most = min(len(data), start + MAX_PIXEL * pixels + MAX_PIECES)
    for _ in range(MAX_PIECES):
        if at >= most or not data[at]:
            break
        at += 1 + data[at]
    else:
        at = most
    return b"".join([data[:head], control, memoryview(data)[image : min(at, most)], b"\0;"])


def _alone(screen: Image.Image, frame: tuple[int, int, int, int]) -> Image.Image:
    """A screen with nothing around the frame, as browsers show it. Pillow has the first of the colours there."""
    mode = "LA" if screen.mode == "L" else "RGBA"
    image = Image.new(mode, screen.size)
    image.paste(screen.crop(frame).convert(mode), frame)
    return image
