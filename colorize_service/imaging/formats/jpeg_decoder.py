"""libjpeg-turbo, through simplejpeg: its warnings, each of which is about pixels here, taken for what they are."""

import re

import numpy as np
import numpy.typing as npt
import simplejpeg

from colorize_service.imaging.errors import ImageError

#: Bytes between the last pixel and the end marker that are no padding. Some cameras write one or two.
MAX_LOOSE_BYTES = 2

#: An arithmetic code ends without its last zeros, and a decoder reads as many as it likes, without a warning (T.81,
#: D.1.8 and D.2.6). No encoder saves more than so many; where a part is missing, a decoder reads a hundred at least.
MAX_IMPLIED_BYTES = 16
_IMPLIED = 65_536  # zeros that it is given, to see how many it reads

_CUT_OFF = "The JPEG is cut off: a part of its pixels is missing."
_LOOSE = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_READ_AHEAD = 8  # bytes behind the last pixel that the decoder may have taken, and does not count

Pixels = npt.NDArray[np.uint8]


def strict(jpeg: bytes, mode: str, last_scan: int, *, arithmetic: bool = False) -> Pixels:
    """Decode a file, and take the decoder's warnings for what they are.

    Args:
        jpeg: the file without its end marker.
        last_scan: where its last scan begins.
        arithmetic: whether that is in arithmetic code.

    Returns:
        (height, width, samples).

    Raises:
        ImageError: a part of the pixels is missing or damaged, or they are of a kind that is not read.
    """
    colours = {"L": "GRAY", "RGB": "RGB", "RGBX": "RGBX", "CMYK": "CMYK"}[mode]
    # Where the end is missing, there is one now; if it was there, the decoder does not come to this one.
    whole = jpeg + b"\xff\xd9"
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(whole, colours, strict=True)
    except ValueError as error:  # which is what a warning is, too
        if not _is_padding(whole[: end_of(whole, last_scan)], error, MAX_IMPLIED_BYTES if arithmetic else _READ_AHEAD):
            raise ImageError(_sentence(str(error).lower())) from error
        pixels = simplejpeg.decode_jpeg(whole, colours, strict=False)
    if arithmetic:
        _check_arithmetic(jpeg + bytes(_IMPLIED), colours, last_scan)
    return pixels


def _check_arithmetic(filled: bytes, colours: str, last_scan: int) -> None:
    """Refuse a file that is cut off in arithmetic code. There are zeros at its end: how many of them does a decoder
    read?"""
    try:
        simplejpeg.decode_jpeg(filled + b"\xff\xd9", colours, strict=True)
    except ValueError as error:
        if _is_padding(filled[: end_of(filled, last_scan)], error, MAX_IMPLIED_BYTES):
            return
    raise ImageError(_CUT_OFF)


def _is_padding(jpeg: bytes, warning: ValueError, read_ahead: int) -> bool:
    """Whether what is warned of are bytes at the end that no pixel needed, and that were written to fill up.

    Zeros that are the remains of a longer run of them are not: the rest of that run was taken for pixels.

    Args:
        read_ahead: how many more of them than the decoder says may be there.
    """
    loose = _LOOSE.search(str(warning))
    count, zeros = int(loose[1]) if loose else 0, len(jpeg) - len(jpeg.rstrip(b"\0"))
    return 0 < count <= MAX_LOOSE_BYTES or 0 < count <= zeros <= count + read_ahead


def _sentence(reason: str) -> str:
    if "premature end" in reason:
        return _CUT_OFF
    if any(words in reason for words in ("unsupported", "not supported", "precision", "not implemented")):
        return "This kind of JPEG is not supported; a plain 8-bit JPEG is."
    if "subsampling" in reason:  # said of both
        return "The JPEG is damaged, or its colours are sampled in a way that is not supported."
    return "The JPEG is damaged and cannot be read."


def end_of(data: bytes, start: int) -> int:
    """Where the end marker of the picture stands whose last scan begins at `start`."""
    found = data.find(b"\xff\xd9", start)
    return found if found >= 0 else len(data)
