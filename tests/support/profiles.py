"""ICC profiles as scanners and editors write them, and what they mean, computed in floating point."""

import struct
from collections.abc import Callable

import numpy as np

from tests.support.pictures.files import icc

Curve = Callable[[np.ndarray], np.ndarray]  # light of a level, both 0 to 1

#: Columns of red, green and blue under D50 (Bradford).
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
PROPHOTO = np.array([[0.79767, 0.13519, 0.03135], [0.28804, 0.71187, 0.00009], [0.0, 0.0, 0.82521]])


def power(exponent: float) -> bytes:
    """A curve of one number."""
    return b"curv" + struct.pack(">LLH", 0, 1, round(exponent * 256)) + bytes(2)


def parametric(kind: int, *values: float) -> bytes:
    """A curve as a formula."""
    return b"para" + struct.pack(">LHH", 0, kind, 0) + b"".join(struct.pack(">l", round(v * 65536)) for v in values)


def table(light: Curve, count: int = 1024) -> bytes:
    """A curve of so many points."""
    points = (65535 * light(np.linspace(0, 1, count))).round().astype(">u2")
    return b"curv" + struct.pack(">LL", 0, count) + points.tobytes()


def raised(exponent: float) -> Curve:
    return lambda level: level**exponent


def dot_gain_20(level: np.ndarray) -> np.ndarray:
    """Ink that covers half of the paper covers 20 % more, as it spreads."""
    ink = 1 - level
    return 1 - np.minimum(ink + 0.2 * 4 * ink * (1 - ink), 1)


def srgb_curve(level: np.ndarray) -> np.ndarray:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def lightness(level: np.ndarray) -> np.ndarray:
    """L* of CIE 1976, as ECI RGB and L-star gray have it."""
    return np.where(level <= 0.08, level * 2700 / 24389, ((level + 0.16) / 1.16) ** 3)


def gray(curve: bytes) -> bytes:
    """A profile of one curve."""
    return icc(b"GRAY", b"XYZ ", b"scnr", {b"kTRC": curve})


def rgb(matrix: np.ndarray, curve: bytes) -> bytes:
    """A profile of three equal curves and a matrix."""
    tags = {}
    for name, column in zip((b"r", b"g", b"b"), matrix.T, strict=True):
        tags[name + b"XYZ"] = b"XYZ " + bytes(4) + struct.pack(">3l", *(round(v * 65536) for v in column))
        tags[name + b"TRC"] = curve
    return icc(b"RGB ", b"XYZ ", b"mntr", tags)


def encoded(light: np.ndarray) -> np.ndarray:
    """Levels in sRGB of linear light, both 0 to 1; what lies outside is clipped."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
