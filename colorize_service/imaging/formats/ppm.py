"""Netpbm's formats: PBM, PGM, PPM and PFM."""

import re

from PIL import PpmImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import PillowSource, opened

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P[1-6f]" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})\s")


def read(data: bytes) -> PillowSource:
    """Read the header, of a sane length: Pillow goes through it byte by byte.

    Raises:
        ImageError: it is damaged, or the picture is too large for its kind.
    """
    found = _HEADER.match(data[:4096])
    if not found:
        raise ImageError("The PPM is damaged: its header says no width and height.")
    size = int(found[1]), int(found[2])
    is_deep = False
    if min(size) > 0:
        with opened("PPM", PpmImagePlugin.PpmImageFile, data) as image:
            is_deep = image.mode in ("I", "F")
    return PillowSource("PPM", PpmImagePlugin.PpmImageFile, lambda: data, size, is_deep=is_deep)
