"""Writing results in other formats than a plain JPEG, and with metadata."""

from dataclasses import dataclass

import numpy as np

from colorize_service.imaging.chroma import Bytes
from colorize_service.imaging.jpeg import add_chroma
from colorize_service.imaging.levels import Levels
from colorize_service.imaging.metadata import Metadata
from colorize_service.imaging.results import jpeg_segments, png, tiff, webp
from colorize_service.imaging.results.pixels import Pixels
from colorize_service.imaging.results.strips import Map, Strips

__all__ = ["Planes", "check", "write"]


@dataclass(frozen=True)
class Planes:
    """What a result is made of.

    Attributes:
        luma: full size, (height, width): uint8, or uint16 for formats that hold so much.
        chroma: uint8 (h, w, 2), Cb and Cr, 128 neutral.
        small: what ``shrink`` made of the luma, uint8 (h', w').
    """

    luma: Levels
    chroma: Bytes
    small: Bytes


def check(form: str) -> None:
    """Raise ``ImageError`` for a format that cannot be written on this machine. Arguments: as of :func:`write`."""
    if form == "webp":
        webp.check_library()


def write(planes: Planes, form: str, quality: int, metadata: Metadata | None, run: Map) -> bytes:
    """A result's file.

    Args:
        form: one of ``picture_kinds.RESULTS``, or ``layer``: a PNG of the colours alone.
        quality: of JPEG and WebP, 1 to 100.
        run: runs the encoding of the strips.

    Raises:
        ImageError: the picture is too large for the format, or its library is missing.
    """
    check(form)
    if form == "jpeg":
        jpeg = add_chroma(planes.luma.astype(np.uint8, copy=False), planes.chroma, quality, planes.small, run)
        return jpeg_segments.with_metadata(jpeg, metadata) if metadata else jpeg
    if form == "webp":
        height, width = planes.luma.shape
        webp.check_size(width, height)
    strips = Strips(Pixels(planes.luma, planes.chroma, planes.small), run, form == "layer")
    if form == "webp":
        return webp.write(strips, metadata, quality)
    return tiff.write(strips, metadata) if form == "tiff" else png.write(strips, metadata)
