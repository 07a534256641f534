"""Netpbm's formats: PBM, PGM, PPM and PFM."""

import functools
import re

from PIL import PpmImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import PillowSource, opened

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P[1-6f]" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})\s")
_DEPTH = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*[^\s#]+(?:\s|\Z)")
_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]?")
#: Comments among the words of pixels. The format has none there, but Pillow reads them.
MAX_COMMENTS = 256
#: Bytes of a word with the gap behind it, and of gaps in a small picture.
MAX_WORD, MAX_GAPS = 32, 65_536
#: Bytes in which the header must end.
MAX_HEADER = 4_096


def read(data: bytes) -> PillowSource:
    """Read the header, of a sane length: Pillow goes through it byte by byte.

    Raises:
        ImageError: it is damaged, or the picture is too large for its kind.
    """
    head = data[:MAX_HEADER]
    found = _HEADER.match(head)
    if not found:
        raise ImageError("The PPM is damaged: its header says no width and height.")
    size = int(found[1]), int(found[2])
    is_deep = False
    if min(size) > 0:
        if data[1] not in b"14" and not _DEPTH.match(head, found.end()):
            raise ImageError("The PPM is damaged: its header says no depth.")
        with opened("PPM", PpmImagePlugin.PpmImageFile, data) as image:
            is_deep = image.mode in ("I", "F")
    words = data[1] in b"123"
    room = MAX_WORD * size[0] * size[1] * (3 if data[1] in b"3" else 1) + MAX_GAPS
    clean = functools.partial(_without_comments, data, found.end(), room) if words else lambda: data
    return PillowSource("PPM", PpmImagePlugin.PpmImageFile, clean, size, is_deep=is_deep)


def _without_comments(data: bytes, start: int, room: int) -> bytes:
    """Words without comments, each of which costs Pillow a copy of a megabyte, and no more of them than pixels take."""
    comments = data.count(b"#", start)
    if comments > MAX_COMMENTS:
        raise ImageError("The PPM is damaged: there are too many comments among its pixels.")
    return b"".join([data[:start], _COMMENT.sub(b"", data[start:])[:room]]) if comments else data[: start + room]
