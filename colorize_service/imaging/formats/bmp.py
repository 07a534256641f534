"""BMP, as Windows and OS/2 write it."""

import functools
import struct

from PIL import BmpImagePlugin, Image

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import PillowSource, opened

_RLE8, _RLE4 = 1, 2
_CORE = 12  # bytes of OS/2's header; all others begin like BITMAPINFOHEADER


def read(data: bytes) -> PillowSource:
    """Read the header of a BMP.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported.
    """
    with_header = _clean(data)
    image = opened("BMP", BmpImagePlugin.BmpImageFile, with_header)
    size = image.size
    image.close()
    return PillowSource("BMP", BmpImagePlugin.BmpImageFile, functools.partial(_clean, data), size, after=_opaque)


def _clean(data: bytes) -> bytes:
    """The file with a palette of all the colours that its samples can name.

    What is more than pixels can take is left out: runs of one pixel are two bytes each, and so is the end of a row.
    Pillow takes a palette of black and white for one bit a pixel, however many there are.
    """
    offset, header = struct.unpack_from("<II", data, 10)
    core = header == _CORE
    (bits,) = struct.unpack_from("<H", data, 24 if core else 28)
    (colours,) = (0,) if core else struct.unpack_from("<I", data, 46)
    (compression,) = (0,) if core else struct.unpack_from("<I", data, 30)
    if bits > 8:
        if compression in (_RLE8, _RLE4):
            raise ImageError("This kind of BMP is not supported; a plain 8-bit BMP is.")
        return data
    entry = 3 if core else 4
    palette = data[14 + header : min(offset, 14 + header + entry * (colours or 1 << bits))]
    if len(palette) < 1 or bits not in (1, 4, 8):
        raise ImageError("The BMP is damaged: it has no palette.")
    palette = palette[: entry << bits].ljust(entry << bits, b"\0")
    if bits == 4 and all(palette[entry * i : entry * i + 3] == bytes([i] * 3) for i in range(16)):
        raise ImageError("This kind of BMP is not supported; a plain 8-bit BMP is.")
    head = data[: 14 + header]
    if not core:
        head = head[:46] + struct.pack("<I", 1 << bits) + head[50:]
    head = head[:10] + struct.pack("<I", len(head) + len(palette)) + head[14:]
    width, height = struct.unpack_from("<HH" if core else "<Ii", data, 18)
    most = 3 * width * abs(height) + 8 * abs(height) + 1_024
    return b"".join([head, palette, memoryview(data)[offset : offset + most]])


def _opaque(image: Image.Image) -> Image.Image:
    """Without an alpha that is zero everywhere: those who write it mean nothing by it."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image
