"""The dearest pictures of a size: in memory, in processor time, and in what they become."""

import functools
import io

import imagecodecs
import numpy as np
import tifffile
from PIL import Image


def _scene(width: int, height: int) -> np.ndarray:
    """Something like a photo in colour, of 16 bits: (height, width, 3)."""
    down, across = np.ogrid[:height, :width]
    waves = [np.sin(down / (90 + 7 * i)) * np.cos(across / (60 + 9 * i)) for i in range(3)]
    return ((np.dstack(waves) + 1) * 32767).astype(np.uint16)


@functools.cache
def deep_jpeg2000(width: int, height: int) -> bytes:
    """Takes the most memory of all formats: 16 bits, transparent, one tile."""
    scene = _scene(width, height)
    return bytes(imagecodecs.jpeg2k_encode(np.dstack([scene, scene[..., 0]]), level=20, codecformat="jp2"))


@functools.cache
def deep_tiff(width: int, height: int) -> bytes:
    """One strip of floating-point numbers of 64 bits."""
    buffer = io.BytesIO()
    scene = _scene(width, height)[..., 0].astype(np.float64).round(-2)
    tifffile.imwrite(buffer, scene, rowsperstrip=height, compression="deflate")
    return buffer.getvalue()


@functools.cache
def dense_jpeg2000(width: int, height: int, size: int) -> bytes:
    """Noise in about so many bytes: each takes its time to decode."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width), np.uint8))
    buffer = io.BytesIO()
    layers = [width * height / (size * 0.95)]
    noise.save(buffer, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=layers)
    return buffer.getvalue()


@functools.cache
def swelling_png(width: int, height: int) -> bytes:
    """Noise that is the same again and again: nothing for a PNG, and as much as there can be for a JPEG."""
    tile = np.random.default_rng(2).integers(0, 2, (8, 64, 3), np.uint8) * 255
    pixels = np.tile(tile, (-(-height // 8), -(-width // 64), 1))[:height, :width]
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=6))
