"""libjpeg-turbo, through simplejpeg: its warnings, each of which is about pixels here, taken for what they are."""

import re

import numpy as np
import numpy.typing as npt
import simplejpeg

from colorize_service.imaging.errors import ImageError

#: Bytes between the last pixel and the end marker that are no padding. Some cameras write one or two.
MAX_LOOSE_BYTES = 2

_LOOSE = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_READ_AHEAD = 8  # bytes behind the last pixel that the decoder may have taken, and does not count

Pixels = npt.NDArray[np.uint8]


def strict(jpeg: bytes, mode: str, last_scan: int) -> Pixels:
    """Decode a file whose last scan begins at `last_scan`, and take the decoder's warnings for what they are."""
    colours = {"L": "GRAY", "RGB": "RGB", "RGBX": "RGBX", "CMYK": "CMYK"}[mode]
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(jpeg, colours, strict=True)
    except ValueError as error:  # which is what a warning is, too
        loose = _LOOSE.search(str(error))
        if loose and _is_padding(jpeg[: end_of(jpeg, last_scan)], int(loose[1])):
            pixels = simplejpeg.decode_jpeg(jpeg, colours, strict=False)
        else:
            raise ImageError(_sentence(str(error).lower())) from error
    return pixels


def _is_padding(jpeg: bytes, count: int) -> bool:
    """Whether the `count` bytes at the end, which no pixel needed, were written to fill up.

    Zeros that are the remains of a longer run of them are not: the rest of that run was taken for pixels.
    """
    zeros = len(jpeg) - len(jpeg.rstrip(b"\0"))
    return count <= MAX_LOOSE_BYTES or count <= zeros <= count + _READ_AHEAD


def _sentence(reason: str) -> str:
    if "premature end" in reason:
        return "The JPEG is cut off: a part of its pixels is missing."
    if any(words in reason for words in ("unsupported", "not supported", "precision", "not implemented")):
        return "This kind of JPEG is not supported; a plain 8-bit JPEG is."
    return "The JPEG is damaged and cannot be read."


def end_of(data: bytes, start: int) -> int:
    """Where the end marker of the picture stands whose last scan begins at `start`."""
    found = data.find(b"\xff\xd9", start)
    return found if found >= 0 else len(data)
