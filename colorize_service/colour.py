"""All colour constants and conversions: sRGB, CIE L*a*b*, and the Y, Cb and Cr of a JPEG.

sRGB is IEC 61966-2-1 with the D65 white point. L*a*b* is CIE 15: L* is 0 to 100, and a* and b* of sRGB's colours stay
within -110 to 110. Y, Cb and Cr are JFIF's (ITU-T T.871), that is BT.601 in full range, 128 neutral.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# X, Y and Z of white, and of linear red, green and blue.
_WHITE = (0.95047, 1.0, 1.08883)
_RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_XYZ_TO_RGB = tuple(map(tuple, np.linalg.inv(np.array(_RGB_TO_XYZ)).tolist()))

#: Shares of linear red, green and blue in relative luminance, CIE Y.
LUMINANCE = _RGB_TO_XYZ[1]
#: Shares of red, green and blue in luma, gamma-encoded (BT.601).
LUMA = (0.299, 0.587, 0.114)
#: Blue less luma over Cb, and red less luma over Cr.
BLUE_OF_CB, RED_OF_CR = 2 * (1 - LUMA[2]), 2 * (1 - LUMA[0])
#: Green less luma over Cb, and over Cr.
GREEN_OF_CB, GREEN_OF_CR = -BLUE_OF_CB * LUMA[2] / LUMA[1], -RED_OF_CR * LUMA[0] / LUMA[1]

# CIE 15: f is a cube root where it is above this value, and a straight line below.
_BEND = 6 / 29


def lightness(luma: Bytes) -> Floats:
    """CIE L* of gray pixels: uint8 of any shape, 0 to 255, to float32 of the same shape, 0 to 100."""
    return _LIGHTNESS[luma]


def linear(rgb: Bytes) -> Floats:
    """Linear light of sRGB's gamma-encoded parts: uint8 of any shape to float32 of the same shape, 0 to 1."""
    return _LINEAR[rgb]


def lightness_of_linear(luminance: Floats) -> Floats:
    """CIE L* of relative luminance Y: float32 of any shape, 0 to 1, to float32 of the same shape, 0 to 100."""
    return 116 * _f(luminance) - 16


def lab(rgb: Bytes) -> Floats:
    """L*, a* and b* of sRGB pixels: uint8 (..., 3) to float32 (..., 3)."""
    xyz = _LINEAR[rgb] @ _RGB_TO_WHITE_XYZ
    f = _f(xyz)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def rgb(lab: Floats) -> Bytes:
    """sRGB pixels of L*, a* and b*: float32 (..., 3) to uint8 (..., 3); what lies outside of sRGB is clipped."""
    lab = np.asarray(lab, np.float32)
    parts = _rgb(lab[..., 0], np.moveaxis(lab[..., 1:], -1, 0))
    return np.rint(255 * np.stack(parts, axis=-1)).astype(np.uint8)


def ab(rgb: Floats) -> Floats:
    """a* and b* of sRGB pixels: float32 (3, h, w), 0 to 1, to float32 (2, h, w)."""
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** np.float32(2.4))
    # Element by element and not as a matrix product: BLAS has threads of its own, which compete with ONNX Runtime's.
    xyz = [
        sum(share * part for share, part in zip(row, light, strict=True)) / white
        for row, white in zip(_RGB_TO_XYZ, _WHITE, strict=True)
    ]
    fx, fy, fz = (_f(part) for part in xyz)
    return np.stack([500 * (fx - fy), 200 * (fy - fz)])


def ab_of(colour: tuple[int, int, int]) -> tuple[float, float]:
    """a* and b* of one sRGB colour, each part 0 to 255."""
    _, a, b = lab(np.array(colour, np.uint8)).tolist()
    return a, b


def chroma(lightness: Floats, ab: Floats) -> Bytes:
    """Chroma of a picture given in L*a*b*.

    Args:
        lightness: float32 (h, w), L* in 0 to 100.
        ab: float32 (2, h', w'), a* and b*; h and w are whole multiples of h' and w'.

    Returns:
        uint8 (h', w', 2): Cb and Cr, 128 neutral. Colours outside of sRGB are clipped into it.
    """
    height, width = ab.shape[1:]
    cells = lightness.reshape(height, lightness.shape[0] // height, width, lightness.shape[1] // width)
    red, green, blue = _rgb(cells.mean(axis=(1, 3)), ab)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    planes = np.stack([(blue - luma) / BLUE_OF_CB, (red - luma) / RED_OF_CR], axis=-1)
    levels: Floats = np.rint(128 + 255 * planes)
    return levels.clip(0, 255).astype(np.uint8)


def shown(luma: int, chroma: Bytes) -> Bytes:
    """sRGB pixels of one luma and several chromas, as a result shows them.

    Args:
        luma: 0 to 255.
        chroma: uint8 (n, 2), Cb and Cr, 128 neutral.

    Returns:
        uint8 (n, 3). Where RGB has no colour of that luma and chroma, the chroma is made less strong, at the same hue.
    """
    cb, cr = chroma.T.astype(np.float32) - 128
    shifts = np.stack([RED_OF_CR * cr, GREEN_OF_CB * cb + GREEN_OF_CR * cr, BLUE_OF_CB * cb], axis=1)
    room = np.where(shifts > 0, 255 - luma, luma) / np.maximum(np.abs(shifts), 1e-3)
    pixels: Floats = np.rint(luma + np.minimum(1, room.min(axis=1, keepdims=True)) * shifts)
    return pixels.clip(0, 255).astype(np.uint8)


def _f(ratio: Floats) -> Floats:
    return np.where(ratio > _BEND**3, np.cbrt(ratio), ratio / (3 * _BEND**2) + 4 / 29).astype(np.float32)


def _inverse_f(f: Floats) -> Floats:
    return np.where(f > _BEND, f * f * f, 3 * _BEND**2 * (f - 4 / 29))


def _rgb(lightness: Floats, ab: Floats) -> list[Floats]:
    """L* (...) and a*b* (2, ...) to gamma-encoded red, green and blue (...) in 0 to 1, clipped."""
    fy = (lightness + 16) / 116
    xyz = [white * _inverse_f(f) for white, f in zip(_WHITE, (fy + ab[0] / 500, fy, fy - ab[1] / 200), strict=True)]
    return [_encode(np.clip(x * xyz[0] + y * xyz[1] + z * xyz[2], 0, 1)) for x, y, z in _XYZ_TO_RGB]


def _encode(linear: Floats) -> Floats:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)


def _decode(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


_LINEAR = _decode(np.arange(256) / 255).astype(np.float32)
_LIGHTNESS = lightness_of_linear(_LINEAR)
_RGB_TO_WHITE_XYZ = (np.array(_RGB_TO_XYZ) / np.array(_WHITE)[:, None]).T.astype(np.float32)
