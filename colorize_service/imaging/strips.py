"""A JPEG in strips: each is encoded by itself, and restart markers join them into one (ITU-T T.81).

At a restart marker a decoder forgets what it has predicted and begins at a whole byte, as at the start of a picture, so
the entropy-coded data of a picture's strips may stand one behind the other. Each strip is one restart interval.
"""

import math
import struct

MCU = 16  # pixels on the side of a minimum coded unit, with chroma at half the luma's resolution
STRIP = 1 << 19  # pixels: what is made of a strip stays in the processor's cache

_SOF0, _EOI, _RST0, _SOS, _DRI = 0xC0, 0xD9, 0xD0, 0xDA, 0xDD


def strip_rows(width: int) -> int:
    """Rows of a strip of a picture `width` pixels wide: whole MCUs, and fewer MCUs than a restart interval may have."""
    return max(1, STRIP // (MCU * width)) * MCU


def join_strips(strips: list[bytes], width: int, height: int) -> bytes:
    """One JPEG of a picture from the JPEGs of its strips, top to bottom.

    Args:
        strips: baseline JPEGs, 4:2:0, of `strip_rows(width)` rows each but the last, all with the same tables; they
            may be larger than the picture, to the right and below, as long as they have as many MCUs.
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
    """Where the first segment with this marker begins, in a file whose header has segments alone."""
    at = 2
    while jpeg[at + 1] != marker:
        at = _behind(jpeg, at)
    return at


def _behind(jpeg: bytes, segment: int) -> int:
    return segment + 2 + int.from_bytes(jpeg[segment + 2 : segment + 4], "big")
