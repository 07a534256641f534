"""Colour maths between what a model speaks (CIE L*a*b*) and what a JPEG holds (Y, Cb, Cr), on small planes.

sRGB is IEC 61966-2-1 with the D65 white point; L*a*b* is CIE 15; Y, Cb and Cr are JFIF's, that is BT.601 full range.
"""

from functools import lru_cache

import numpy as np

_XYZ_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]],
    np.float32)
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _lightness_of_grays() -> np.ndarray:
    gray = np.arange(256) / 255
    linear = np.where(gray <= 0.04045, gray / 12.92, ((gray + 0.055) / 1.055) ** 2.4)
    cube_root = np.where(linear > (6 / 29) ** 3, np.cbrt(linear), linear / (3 * (6 / 29) ** 2) + 4 / 29)
    return (116 * cube_root - 16).astype(np.float32)


_LIGHTNESS = _lightness_of_grays()


def lightness(luma: np.ndarray) -> np.ndarray:
    """CIE L* of gray pixels: uint8 of any shape, 0…255 -> float32 of the same shape, 0…100."""
    return _LIGHTNESS[luma]


def chroma(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Chroma of a picture given in L*a*b*.

    Args:
        lightness: float32 (h, w), L* in 0…100.
        ab: float32 (2, h', w'), a* and b*; enlarged to (h, w) if it is smaller.

    Returns:
        uint8 (h, w, 2): Cb and Cr, 128 neutral. Colours outside of sRGB are clipped into it.
    """
    rgb = _rgb(lightness, resize(ab, lightness.shape))
    luma = rgb @ _LUMA
    cb = (rgb[..., 2] - luma) / 1.772
    cr = (rgb[..., 0] - luma) / 1.402
    return np.clip(np.rint(128 + 255 * np.stack([cb, cr], axis=-1)), 0, 255).astype(np.uint8)


def resize(planes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation of float32 (c, h, w) to (c, *shape), pixel centres at half-integers, edges repeated."""
    rows = _interpolation(planes.shape[1], shape[0])
    columns = _interpolation(planes.shape[2], shape[1])
    return rows @ planes @ columns.T


@lru_cache(maxsize=64)
def _interpolation(source: int, target: int) -> np.ndarray:
    """float32 (target, source): the matrix of one-dimensional linear interpolation."""
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    left = np.minimum(position.astype(int), max(source - 2, 0))
    weight = position - left
    matrix = np.zeros((target, source), np.float32)
    matrix[np.arange(target), left] += 1 - weight
    matrix[np.arange(target), np.minimum(left + 1, source - 1)] += weight
    return matrix


def _rgb(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """L* (h, w) and a*b* (2, h, w) -> gamma-encoded sRGB (h, w, 3) in 0…1, clipped."""
    fy = (lightness + 16) / 116
    f = np.stack([fy + ab[0] / 500, fy, fy - ab[1] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    linear = np.clip(xyz.astype(np.float32) @ _XYZ_TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)
