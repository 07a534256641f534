"""Encoding JPEGs, pictures of any size in strips.

Each strip is encoded by itself, and restart markers join them into one file (ITU-T T.81): at such a marker a decoder
resets its predictions and begins at a whole byte, as at the start of a picture, so that the entropy-coded data of the
strips may follow each other. Each strip is one restart interval.
"""

import io
import math
import os
import struct
from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np
import simplejpeg
from PIL import Image

from colorize_service.imaging.chroma import Bytes, FittedChroma, Luma

MCU = 16  # pixels on the side of a minimum coded unit, with chroma at half the luma's resolution
STRIP = 1 << 19  # pixels: what is made of a strip stays in the processor's cache

_SOF0, _EOI, _RST0, _SOS, _DRI = 0xC0, 0xD9, 0xD0, 0xDA, 0xDD

#: The built-in `map`, or the `map` of a pool.
Map = Callable[[Callable[[int], bytes], Iterable[int]], Iterable[bytes]]


def add_chroma(luma: Luma, chroma: Bytes, quality: int, small: Bytes | None = None, each: Map = map) -> bytes:
    """A photo in colour, as a baseline JPEG (4:2:0) without metadata. Its luma plane goes to the encoder as it is.

    Args:
        luma: full size.
        chroma, small: as of :class:`~colorize_service.imaging.chroma.FittedChroma`.
        quality: of the JPEG, 1 to 100.
        each: runs the encoding of the strips; the result's pixels do not depend on it.
    """
    pixels = np.asarray(luma)
    height, width = pixels.shape
    fitted, rows = FittedChroma(pixels, chroma, small), strip_rows(width)

    def strip(top: int) -> bytes:
        part = pixels[top : top + rows]
        # Pillow would need three planes of the full size and have two of them shrunk again: twice the time.
        # Below a quality of 96 this encoder uses the faster and less exact DCT.
        jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(_even(part), *fitted.strip(top, part), quality)
        return jpeg

    tops = range(0, height, rows)
    return join_strips(list((each if len(tops) > 1 else map)(strip, tops)), width, height)


def encode(image: Image.Image, quality: int) -> bytes:
    """`image` (mode L or RGB) as a baseline JPEG, 4:2:0, with nothing but the picture in it."""
    image.info.clear()  # Pillow writes a comment that it finds there
    with _buffer() as buffer:
        image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        buffer.seek(0)
        return buffer.read()


def _buffer() -> BinaryIO:
    """A file in memory. Pillow lets other threads run while it encodes into a file of the operating system, and
    stops the whole interpreter while it encodes into a BytesIO."""
    return open(os.memfd_create("jpeg"), "w+b") if hasattr(os, "memfd_create") else io.BytesIO()


def strip_rows(width: int) -> int:
    """Rows of a strip of a picture `width` pixels wide: whole MCUs, as many as a restart interval may have."""
    return max(1, STRIP // (MCU * width)) * MCU


def join_strips(strips: list[bytes], width: int, height: int) -> bytes:
    """One JPEG of a picture from the JPEGs of its strips, top to bottom.

    Args:
        strips: baseline JPEGs, 4:2:0, all with the same tables; all but the last have `strip_rows(width)` rows. They
            may reach beyond the picture to the right and below, as far as its MCUs do.
        width, height: of the whole picture.
    """
    first = strips[0]
    frame, scan = _find(first, _SOF0), _find(first, _SOS)
    parts = [first[: frame + 5], struct.pack(">HH", height, width), first[frame + 9 : scan]]
    if len(strips) > 1:
        parts.append(struct.pack(">BBHH", 0xFF, _DRI, 4, math.ceil(width / MCU) * strip_rows(width) // MCU))
    parts.append(first[scan:-2])
    for i, strip in enumerate(strips[1:]):
        parts += [bytes([0xFF, _RST0 + i % 8]), strip[_behind(strip, _find(strip, _SOS)) : -2]]
    return b"".join([*parts, bytes([0xFF, _EOI])])


def _find(jpeg: bytes, marker: int) -> int:
    """Where the first segment with this marker begins, in a file with nothing between its segments."""
    at = 2
    while jpeg[at + 1] != marker:
        at = _behind(jpeg, at)
    return at


def _behind(jpeg: bytes, segment: int) -> int:
    """Where this segment ends."""
    return segment + 2 + int.from_bytes(jpeg[segment + 2 : segment + 4], "big")


def _even(pixels: Bytes) -> Bytes:
    """The pixels with an even number of rows and columns, the last repeated: the encoder reads that many."""
    odd = [(0, side % 2) for side in pixels.shape]
    return np.pad(pixels, odd, "edge") if any(rest for _, rest in odd) else pixels
