"""Simple ICC profiles (ICC.1:2022) at 16 bits, which LittleCMS through Pillow has not: one curve for gray, or three
curves and a matrix. Each is compared with what LittleCMS makes of it in 8 bits."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service.imaging.profiles import to_srgb

Floats = NDArray[np.float32]

_MOST = 65535
#: Bytes of a tag that are looked at: more than those of the longest curve that LittleCMS reads. All may name the same.
_MAX_TAG = 70_000
#: By how many levels of 8 bits a profile may differ here, in the mean, from what LittleCMS makes of it.
SAME = 1
# X, Y and Z of sRGB's red, green and blue under D50, as ICC profiles have them.
_SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def curve_of_gray(icc: bytes) -> Floats | None:
    """The level in sRGB of each of the 65,536 levels of gray in a profile of one curve, 0 to 65535."""
    convert = to_srgb(icc, "L")
    light = _curve(_tags(icc).get(b"kTRC", b""))
    if convert is None or light is None:
        return None
    levels = _encoded(light)
    known = np.asarray(convert(Image.frombytes("L", (256, 1), bytes(range(256)))), np.float32)[0]
    return levels if np.abs(levels[::257] / 257 - known).mean() <= SAME else None


@dataclass(frozen=True)
class Matrix:
    """A profile of three curves and a matrix.

    Attributes:
        curves: light of each of 65,536 levels of red, green and blue: float32 (3, 65536).
        matrix: from this light to sRGB's: (3, 3).
    """

    curves: Floats
    matrix: NDArray[np.float64]

    def srgb(self, samples: NDArray[np.uint16]) -> Floats:
        """Levels in sRGB, 0 to 65535, of samples (..., 3); what lies outside is clipped."""
        light = np.stack([curve[samples[..., i]] for i, curve in enumerate(self.curves)])
        return np.stack([_encoded(np.tensordot(row, light, 1)) for row in self.matrix], axis=-1)


def matrix_of(icc: bytes) -> Matrix | None:
    """The profile, if it is of this kind."""
    convert, tags = to_srgb(icc, "RGB"), _tags(icc)
    curves = [_curve(tags.get(name, b"")) for name in (b"rTRC", b"gTRC", b"bTRC")]
    columns = [_xyz(tags.get(name, b"")) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    if convert is None or any(each is None for each in (*curves, *columns)) or b"A2B0" in tags:
        return None
    matrix = np.linalg.solve(_SRGB, np.stack([column for column in columns if column is not None], axis=1))
    found = Matrix(np.stack([curve for curve in curves if curve is not None]), matrix)
    steps = np.array(np.meshgrid(*[range(0, 256, 51)] * 3), np.uint8).reshape(3, -1).T
    known = np.asarray(convert(Image.fromarray(steps[None].copy())), np.float32)[0]
    return found if np.abs(found.srgb(steps.astype(np.uint16) * 257) / 257 - known).mean() <= SAME else None


def _encoded(light: Floats) -> Floats:
    light = np.clip(light, 0, 1)
    levels: Floats = _MOST * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)
    return levels.astype(np.float32)


def _tags(icc: bytes) -> dict[bytes, bytes]:
    found = {}
    for i in range(min(int.from_bytes(icc[128:132], "big"), 100)):
        entry = icc[132 + 12 * i : 144 + 12 * i]
        if len(entry) == 12:
            name, at, length = struct.unpack(">4sLL", entry)
            found[name] = icc[at : at + min(length, _MAX_TAG)]
    return found


def _xyz(tag: bytes) -> NDArray[np.float64] | None:
    return np.frombuffer(tag, ">i4", 3, 8) / 65536 if tag[:4] == b"XYZ " and len(tag) >= 20 else None


def _curve(tag: bytes) -> Floats | None:
    """The light, 0 to 1, of 65,536 levels (10.6, 10.18); None where the tag is no curve."""
    x = np.arange(_MOST + 1) / _MOST
    count = int.from_bytes(tag[8:12], "big")
    with np.errstate(all="ignore"):
        if tag[:4] == b"curv" and len(tag) >= 12 + 2 * count:
            points = np.frombuffer(tag, ">u2", count, 12)
            if count > 1:
                y = np.interp(x, np.linspace(0, 1, count), points / _MOST)
            else:
                y = x ** (points[0] / 256) if count else x
        elif tag[:4] == b"para":
            kind, given = int.from_bytes(tag[8:10], "big"), np.frombuffer(tag[12 : len(tag) & ~3], ">i4") / 65536
            if kind > 4 or len(given) < (1, 3, 4, 5, 7)[kind]:
                return None
            y = _parametric(kind, x, *given)
        else:
            return None
    return np.nan_to_num(y).astype(np.float32)


def _parametric(kind: int, x: NDArray[np.float64], g: float, *given: float) -> NDArray[np.float64]:
    a, b, c, d, e, f = (*given, *[0.0] * 6)[:6] if kind else (1.0, *[0.0] * 5)
    power = np.maximum(a * x + b, 0) ** g
    match kind:
        case 0:
            return power
        case 1 | 2:
            return np.where(x >= -b / a, power, 0) + (c if kind == 2 else 0)
        case _:
            return np.where(x >= d, power + e, c * x + f)
