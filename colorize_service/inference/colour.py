"""Colour maths between what a model speaks (CIE L*a*b*) and what a JPEG holds (Y, Cb, Cr), on small planes.

sRGB is IEC 61966-2-1 with the D65 white point; L*a*b* is CIE 15; Y, Cb and Cr are JFIF's, that is BT.601 full range.
"""

import numpy as np

# Linear sRGB of X, Y and Z relative to the white point.
_WHITE = (0.95047, 1.0, 1.08883)
_XYZ_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_RGB_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))


def lightness(luma: np.ndarray) -> np.ndarray:
    """CIE L* of gray pixels: uint8 of any shape, 0…255 -> float32 of the same shape, 0…100."""
    return _LIGHTNESS[luma]


def chroma(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Chroma of a picture given in L*a*b*.

    Args:
        lightness: float32 (h, w), L* in 0…100.
        ab: float32 (2, h', w'), a* and b*; h and w are whole multiples of h' and w'.

    Returns:
        uint8 (h', w', 2): Cb and Cr, 128 neutral. Colours outside of sRGB are clipped into it.
    """
    height, width = ab.shape[1:]
    cells = lightness.reshape(height, lightness.shape[0] // height, width, lightness.shape[1] // width)
    # Element by element and not as matrix products: BLAS has threads of its own, which spin against ONNX Runtime's.
    red, green, blue = _rgb(cells.mean(axis=(1, 3)), ab)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = np.stack([(blue - luma) / 1.772, (red - luma) / 1.402], axis=-1)
    return np.clip(np.rint(128 + 255 * planes), 0, 255).astype(np.uint8)


def ab(rgb: np.ndarray) -> np.ndarray:
    """a* and b* of sRGB pixels: float32 (3, h, w), 0…1 -> float32 (2, h, w)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** np.float32(2.4))
    xyz = [sum(k * part for k, part in zip(row, linear)) / white for row, white in zip(_RGB_TO_XYZ, _WHITE)]
    fx, fy, fz = (np.where(part > (6 / 29) ** 3, np.cbrt(part), part / (3 * (6 / 29) ** 2) + 4 / 29) for part in xyz)
    return np.stack([500 * (fx - fy), 200 * (fy - fz)])


def ab_of(colour: tuple[int, int, int]) -> tuple[float, float]:
    """a* and b* of an sRGB colour, each part in 0…255."""
    linear = [_linear(part / 255) for part in colour]
    f = [_f(sum(k * part for k, part in zip(row, linear)) / white) for row, white in zip(_RGB_TO_XYZ, _WHITE)]
    return 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def _linear(encoded: float) -> float:
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


def _f(ratio: float) -> float:
    return ratio ** (1 / 3) if ratio > (6 / 29) ** 3 else ratio / (3 * (6 / 29) ** 2) + 4 / 29


_LIGHTNESS = np.array([116 * _f(_linear(gray / 255)) - 16 for gray in range(256)], np.float32)


def _rgb(lightness: np.ndarray, ab: np.ndarray) -> list[np.ndarray]:
    """L* (h, w) and a*b* (2, h, w) -> gamma-encoded red, green and blue (h, w) in 0…1, clipped."""
    fy = (lightness + 16) / 116
    xyz = [white * _inverse_f(f) for white, f in zip(_WHITE, (fy + ab[0] / 500, fy, fy - ab[1] / 200), strict=True)]
    return [_encode(np.clip(x * xyz[0] + y * xyz[1] + z * xyz[2], 0, 1)) for x, y, z in _XYZ_TO_RGB]


def _inverse_f(f: np.ndarray) -> np.ndarray:
    return np.where(f > 6 / 29, f * f * f, 3 * (6 / 29) ** 2 * (f - 4 / 29))


def _encode(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)
