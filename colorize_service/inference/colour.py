"""Colour maths between what a model speaks (CIE L*a*b*) and what a JPEG holds (Y, Cb, Cr), on small planes.

sRGB is IEC 61966-2-1 with the D65 white point; L*a*b* is CIE 15; Y, Cb and Cr are JFIF's, that is BT.601 full range.
"""

from functools import lru_cache

import numpy as np

# Linear sRGB of X, Y and Z relative to the white point.
_WHITE = (0.95047, 1.0, 1.08883)
_XYZ_TO_RGB = ((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252))


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
    red, green, blue = _rgb(lightness, resize(ab, lightness.shape))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = np.stack([(blue - luma) / 1.772, (red - luma) / 1.402], axis=-1)
    return np.clip(np.rint(128 + 255 * planes), 0, 255).astype(np.uint8)


# Element by element and not as matrix products: BLAS has threads of its own, which spin against ONNX Runtime's.

def resize(planes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation of float32 (c, h, w) to (c, *shape), pixel centres at half-integers, edges repeated."""
    above, below, weight = _interpolation(planes.shape[1], shape[0])
    planes = planes[:, above] * (1 - weight[:, None]) + planes[:, below] * weight[:, None]
    left, right, weight = _interpolation(planes.shape[2], shape[1])
    return planes[..., left] * (1 - weight) + planes[..., right] * weight


@lru_cache(maxsize=64)
def _interpolation(source: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of ``target`` positions the two neighbours among ``source`` and the float32 weight of the second."""
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    first = position.astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (position - first).astype(np.float32)


def _rgb(lightness: np.ndarray, ab: np.ndarray) -> list[np.ndarray]:
    """L* (h, w) and a*b* (2, h, w) -> gamma-encoded red, green and blue (h, w) in 0…1, clipped."""
    fy = (lightness + 16) / 116
    xyz = [white * _inverse_f(f) for white, f in zip(_WHITE, (fy + ab[0] / 500, fy, fy - ab[1] / 200), strict=True)]
    return [_encode(np.clip(x * xyz[0] + y * xyz[1] + z * xyz[2], 0, 1)) for x, y, z in _XYZ_TO_RGB]


def _inverse_f(f: np.ndarray) -> np.ndarray:
    return np.where(f > 6 / 29, f * f * f, 3 * (6 / 29) ** 2 * (f - 4 / 29))


def _encode(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)
