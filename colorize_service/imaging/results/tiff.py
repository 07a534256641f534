"""Writing TIFF 6.0, 8 or 16 bits: Deflate with horizontal differences, which all editors read, in strips.

Own code, since the metadata stand in the same directory as what the pixels are.
"""

import zlib
from dataclasses import replace

import numpy as np

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats import tiff_layout as tags
from colorize_service.imaging.metadata import Metadata, exif
from colorize_service.imaging.metadata.exif import BYTES, Entry, Exif, entry
from colorize_service.imaging.results.strips import Rows, Strips

_DEFLATE, _DIFFERENCES = 8, 2
_LEVEL = 5  # of zlib; 6 takes twice the time for 2 %
_MOST = (1 << 32) - 1  # bytes of a file


def write(strips: Strips, metadata: Metadata | None) -> bytes:
    """A TIFF in sRGB.

    Raises:
        ImageError: it would have 4 GiB or more.
    """
    about = metadata.exif if metadata else Exif()
    order = about.order
    packed = list(strips.each(lambda rows: _packed(rows, order)))
    main = dict(about.main) | {
        tags.WIDTH: entry(order, strips.size[0]),
        tags.HEIGHT: entry(order, strips.size[1]),
        tags.BITS: entry(order, *[strips.bits] * 3),
        tags.COMPRESSION: entry(order, _DEFLATE),
        tags.PHOTOMETRIC: entry(order, tags.RGB),
        tags.SAMPLES: entry(order, 3),
        tags.ROWS_PER_STRIP: entry(order, strips.rows),
        tags.PLANES: entry(order, 1),
        tags.PREDICTOR: entry(order, _DIFFERENCES),
    }
    if metadata:
        main[exif.XMP] = Entry(1, len(metadata.xmp[0]), metadata.xmp[0])
        if metadata.iptc:
            main[exif.IPTC] = Entry(BYTES, len(metadata.iptc), metadata.iptc)
    # The directories' size does not depend on where the strips are.
    main |= dict.fromkeys((tags.STRIP_OFFSETS, tags.STRIP_COUNTS), _longs(order, [0] * len(packed)))
    first = 8 + len(exif.directories(replace(about, main=main), 8))
    ends = np.cumsum([first, *map(len, packed)]).tolist()
    if ends[-1] > _MOST:
        raise ImageError("The result would be a TIFF of more than 4 GiB; choose another format.")
    main[tags.STRIP_OFFSETS], main[tags.STRIP_COUNTS] = _longs(order, ends[:-1]), _longs(order, [*map(len, packed)])
    return b"".join([exif.header(order), exif.directories(replace(about, main=main), 8), *packed])


def _longs(order: str, values: list[int]) -> Entry:
    return Entry(exif.LONG, len(values), np.array(values, f"{order}u4").tobytes())


def _packed(rows: Rows, order: str) -> bytes:
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(f"{order}u{rows.itemsize}").tobytes(), _LEVEL)
