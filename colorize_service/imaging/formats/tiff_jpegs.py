"""Strips and tiles of a TIFF that are JPEGs each (Adobe's TIFF technical note 2)."""

from collections.abc import Iterable, Iterator

import numpy as np

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats import jpeg
from colorize_service.imaging.formats import tiff_layout as tiff
from colorize_service.imaging.formats.tiff_parts import Part, Parts

#: Segments of each.
_JPEG_SEGMENTS = 64
#: Bytes of JPEG's tables, which have no more than four thousand.
_MAX_TABLES = 65_536
#: By how much a JPEG may be larger than its strip or tile: a block.
_BLOCK = 16


def read_jpegs(parts: Parts, planes: Iterable[int]) -> Iterator[tuple[int, Part]]:
    """Strips or tiles that are JPEGs each, their colours as in TIFF's own note 2 (gray, RGB or ink)."""
    layout = parts.layout
    at, length = (int(value) for value in layout.tags.get(tiff.JPEG_TABLES) or [0, 0])
    if length > _MAX_TABLES:
        raise ImageError("The TIFF is damaged: its tables are too long.")
    tables = parts.data[at + 2 : at + length - 2] if length else b""
    meant = {tiff.YCBCR: jpeg.JFIF, tiff.RGB: jpeg.RGB_MARKER}.get(layout.photometric, b"")
    if layout.separate:
        meant = b""
    for plane in planes:
        for number in range(parts.across * parts.down):
            row, column = divmod(number, parts.across)
            packed = parts.packed(plane * parts.across * parts.down + number)
            source = jpeg.read(b"".join([b"\xff\xd8", meant, tables, packed[2:]]), _JPEG_SEGMENTS)
            left, top = column * parts.columns, row * parts.rows
            right, bottom = min(parts.columns, layout.size[0] - left), min(parts.rows, layout.size[1] - top)
            (width, height), most = source.size, (parts.columns + _BLOCK, parts.rows + _BLOCK)
            if not (right <= width <= most[0] and bottom <= height <= most[1]):
                raise ImageError("The TIFF is damaged: it says two different sizes.")
            image = source.decode(gray=False)
            image = image.convert("RGB") if image.mode == "RGBX" else image
            samples = np.asarray(image)[:bottom, :right]
            yield plane, (left, top, samples.reshape(bottom, right, -1))
