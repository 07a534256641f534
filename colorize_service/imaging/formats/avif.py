"""AVIF, through Pillow."""

import functools

from PIL import AvifImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.boxes import Boxes, boxes_of, has_hole, without_metadata
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.pillow import PillowSource, check_library, opened

#: Zeros in a row that AV1's arithmetic code never gives: not even a flat picture has more than a few.
MAX_ZEROS = 48


def read(data: bytes) -> PillowSource:
    """Read the header of an AVIF: nothing is decoded.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported.
    """
    check_library("AVIF", "avif")
    boxes = boxes_of(data)
    clean = functools.partial(_clean, data, boxes)
    image = opened("AVIF", AvifImagePlugin.AvifImageFile, without_metadata(data, boxes))
    # What is left of EXIF is made by Pillow, from the turns that the file itself says.
    turn, icc = orientation(image.info.get("exif", b"")), image.info.get("icc_profile")
    image.close()
    return PillowSource("AVIF", AvifImagePlugin.AvifImageFile, clean, image.size, turn, icc)


def _clean(data: bytes, boxes: Boxes) -> bytes:
    if has_hole(data, boxes, MAX_ZEROS):
        raise ImageError("The AVIF is damaged: there is a hole in its pixels.")
    return without_metadata(data, boxes)
