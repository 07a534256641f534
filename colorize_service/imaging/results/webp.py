"""Writing WebP, through Pillow."""

import io

import numpy as np
from PIL import Image, features

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.metadata import Metadata, exif
from colorize_service.imaging.metadata.exif import BYTES, Entry
from colorize_service.imaging.results.strips import Strips

#: Pixels on a side (RFC 9649).
MAX_SIDE = 16_383


def check_library() -> None:
    """Raise ``ImageError`` where Pillow was built without what it needs for the format."""
    if not features.check("webp"):
        raise ImageError("WebP needs a library that is not installed here; choose another format for the results.")


def check_size(width: int, height: int) -> None:
    """Raise ``ImageError`` for a picture that is too large for the format."""
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"WebP holds at most {MAX_SIDE:,} pixels on a side; choose another format for the result.")


def write(strips: Strips, metadata: Metadata | None, quality: int) -> bytes:
    """A WebP in sRGB, lossy, of this quality (1 to 100)."""
    rgb = np.concatenate(list(strips.each(lambda rows: rows)))
    about = {}
    if metadata:
        if metadata.iptc:  # there is no other place for it
            metadata.exif.main[exif.IPTC] = Entry(BYTES, len(metadata.iptc), metadata.iptc)
        about = {"exif": exif.written(metadata.exif), "xmp": metadata.xmp[0]}
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "WEBP", quality=quality, **about)
    return buffer.getvalue()
