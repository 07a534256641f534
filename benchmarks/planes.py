"""The planes of a JPEG as an encoder takes them."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image


def planes(jpeg: Path | BinaryIO) -> list[np.ndarray]:
    """Y, Cb and Cr of a 4:2:0 JPEG with even sides, uint8 (h, w) and twice (h / 2, w / 2)."""
    image = Image.open(jpeg)
    image.draft("YCbCr", image.size)
    luma, *chroma = np.asarray(image).transpose(2, 0, 1)
    return [np.ascontiguousarray(plane) for plane in (luma, *(band[::2, ::2] for band in chroma))]
