"""Faxes in a TIFF (TIFF 6.0, sections 10 and 11): the pixels, and whether all of them were read."""

import io

import numpy as np
from PIL import Image, TiffImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats import tiff_layout as tiff
from colorize_service.imaging.formats.pillow import blame
from colorize_service.imaging.formats.tiff_parts import Bytes, Parts, small_tiff

#: Strips of a fax that are written again to see whether they were read, and bytes that may be missing then.
_CHECKED_STRIPS = 256
_FAX_SLACK = 64


def read_fax(parts: Parts) -> Bytes:
    """Rows of 0 and 1, as the file counts them."""
    layout = parts.layout
    if parts.tiled or layout.samples != 1 or layout.bits != 1:
        raise layout.refusal()
    packed = [parts.packed(number, exact=True) for number in range(parts.down)]
    tags = {tiff.BITS: 1, tiff.COMPRESSION: layout.compression, tiff.FILL_ORDER: layout.one(tiff.FILL_ORDER, 1)}
    for tag in (tiff.T4_OPTIONS, tiff.T6_OPTIONS):
        if tag in layout.tags:
            tags[tag] = layout.one(tag, 0)
    with blame("TIFF"):
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(small_tiff(packed, layout.size, parts.rows, tags)))
        image.load()
        _check_fax(image, packed, parts)
    return np.asarray(image).astype(np.uint8)


def _check_fax(image: Image.Image, packed: list[bytes], parts: Parts) -> None:
    """A decoder that meets a wrong code leaves the rest white, and says nothing. White takes hardly any bytes: so write
    the picture again and see whether it takes as many as the file has."""
    two_dimensional = parts.layout.compression != tiff.FAX_2D and parts.layout.one(tiff.T4_OPTIONS, 0) & 1
    if len(packed) > _CHECKED_STRIPS or two_dimensional:
        return
    form = "group4" if parts.layout.compression == tiff.FAX_2D else "group3"
    for number, piece in enumerate(packed):
        top, height = number * parts.rows, parts.height(number)
        buffer = io.BytesIO()
        image.crop((0, top, image.width, top + height)).save(buffer, "TIFF", compression=form)
        filled = height if parts.layout.one(tiff.T4_OPTIONS, 0) & 4 else 0  # each row to a whole byte
        again = sum(int(count) for count in tiff.layout_of(buffer.getvalue()).tags[tiff.STRIP_COUNTS])
        if again < 0.998 * len(piece.rstrip(b"\0")) - _FAX_SLACK - filled:
            raise ImageError("The TIFF is damaged: a part of its pixels cannot be read.")
