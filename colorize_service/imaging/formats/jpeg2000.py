"""JPEG 2000 (ITU-T T.800): JP2 files and bare codestreams, through Pillow."""

import functools
import struct

import numpy as np
from PIL import Image, Jpeg2KImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.codestream import FEW, MIN_TILE, Codestream, codestream_of
from colorize_service.imaging.formats.jp2 import SYCC, Boxes, Palette, boxes_of
from colorize_service.imaging.formats.pillow import PillowSource, check_library

_SOC = b"\xff\x4f"


def read(data: bytes) -> PillowSource:
    """Read the header: nothing is decoded.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported.
    """
    check_library("JPEG 2000", "jpg_2000")
    boxes = None if data.startswith(_SOC) else boxes_of(data)
    stream = codestream_of(data, boxes.start if boxes else 0)
    is_ycc = boxes.space == SYCC if boxes else len({*stream.steps}) > 1
    odd = stream.components not in (1, 2, 3, 4) or stream.steps[0] != (1, 1) or max(stream.depths) > 16
    if odd or (is_ycc and min(stream.depths) < 8):
        raise ImageError("This kind of JPEG 2000 is not supported; a plain 8-bit or 16-bit picture is.")
    if boxes:
        boxes.check(stream.components)
    size = stream.size
    if stream.tiles > FEW + size[0] * size[1] // MIN_TILE:
        raise ImageError("The JPEG 2000 is damaged: it is made of too many pieces.")
    palette = boxes.palette(stream.components) if boxes else None
    return PillowSource(
        "JPEG 2000",
        Jpeg2KImagePlugin.Jpeg2KImageFile,
        functools.partial(_clean, boxes, stream),
        size,
        icc=boxes.icc if boxes else None,
        after=functools.partial(_meant, depths=stream.depths, palette=palette),
        is_deep=stream.components == 1 and stream.depths[0] > 8 and palette is None,
    )


def _clean(boxes: Boxes | None, stream: Codestream) -> bytes:
    pieces = stream.clean()
    if not boxes:
        return b"".join(pieces)
    return b"".join([boxes.head(), struct.pack(">I4s", 8 + sum(map(len, pieces)), b"jp2c"), *pieces])


def _meant(image: Image.Image, depths: list[int], palette: Palette | None) -> Image.Image:
    """Samples of fewer than 8 bits over their whole range, and indexes as the colours that they mean.

    The decoder moves the samples up to the highest bit, and leaves zeros below.
    """
    if palette is not None:
        if image.mode != "L":
            raise ImageError("The JPEG 2000 is damaged: its palette is not complete.")
        indexes = np.asarray(image) >> max(0, 8 - depths[0])
        return Image.fromarray(palette[np.minimum(indexes, len(palette) - 1)])
    if min(depths) >= 8:
        return image
    low = [max(0, 8 - bits) for bits in depths]
    return image.point([round((level >> gone) * 255 / (255 >> gone)) for gone in low for level in range(256)])
