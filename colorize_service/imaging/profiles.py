"""Colour profiles: from what a file says of its colours to sRGB."""

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

#: A longer profile is left aside. Those of print shops have one or two megabytes.
MAX_PROFILE_BYTES = 8_000_000

_MAX_TAGS = 100  # as in LittleCMS

Convert = Callable[[Image.Image], Image.Image]
Chromaticities = tuple[float, ...]  # x and y of white, red, green and blue (CIE 1931)

SRGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
#: By the numbers of ITU-T H.273, table 2.
PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
#: Exponents by the numbers of ITU-T H.273, table 3; None is the curve of sRGB, which is what screens show video with.
TRANSFERS: dict[int, float | None] = {1: None, 4: 2.2, 5: 2.8, 6: None, 8: 1.0, 13: None, 14: None, 15: None}
#: Of a brightness that no screen of eight bits has: PQ and HLG.
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])


def make_profile(exponent: float | None, primaries: Chromaticities = SRGB) -> bytes | None:
    """An ICC profile (ICC.1:2001-04, of three matrix columns and three curves).

    Args:
        exponent: light is level to the power of it; None is the curve of sRGB.
        primaries: of the colour space.

    Returns:
        The profile; None where the primaries make no sense.
    """
    xy = np.asarray(primaries, float).reshape(4, 2)
    if not (xy[:, 1] > 0.001).all():
        return None
    white, *columns = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in xy)
    matrix = np.stack(columns, axis=1)
    if abs(np.linalg.det(matrix)) < 0.001:
        return None
    matrix = matrix * np.linalg.solve(matrix, white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD @ matrix
    if not (np.isfinite(adapted).all() and (abs(adapted) < 10).all()):
        return None
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(_D50)}
    for name, column in zip(b"rgb", adapted.T, strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + _fixed(column)
        tags[bytes([name]) + b"TRC"] = _curve(exponent)
    tags[b"desc"] = b"desc" + struct.pack(">II", 0, 2) + b"-\0" + bytes(78)
    return _written(tags)


def _fixed(values: np.ndarray) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def _curve(exponent: float | None) -> bytes:
    x = np.linspace(0, 1, 1024)
    light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) if exponent is None else x**exponent
    return b"curv" + struct.pack(">II", 0, len(x)) + (light * 65535).round().astype(">u2").tobytes()


def _written(tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI", size, bytes(4), 0x02400000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(_D50)
    return head.ljust(128, b"\0") + table + body


def to_srgb(icc: bytes | None, mode: str) -> Convert | None:
    """What brings a picture of this mode (L, RGB or CMYK) from its ICC profile to sRGB, in L or RGB.

    None where there is nothing to do, since the profile is sRGB or nearly so, and nothing to be done, since there is
    no profile, or it is broken or one for another kind of picture.
    """
    if not icc or len(icc) > MAX_PROFILE_BYTES:
        return None
    try:
        return _converter(ImageCms.ImageCmsProfile(io.BytesIO(_without_programs(icc))), mode)
    except MemoryError:
        raise
    except Exception:
        return None


def _without_programs(icc: bytes) -> bytes:
    """The profile without its tags of floating-point elements (ICC.1:2022, 9.2.17 to 9.2.24).

    Such a tag may have thousands of elements, or name one thousands of times, and LittleCMS goes through all of them
    for each point of its table: minutes for a few kilobytes. All profiles that have them say the same in other tags.
    """
    count = min(int.from_bytes(icc[128:132], "big"), _MAX_TAGS, (len(icc) - 132) // 12)
    places = [at for at in range(132, 132 + 12 * count, 12) if icc[at : at + 3] in (b"D2B", b"B2D")]
    if not places:
        return icc
    found = bytearray(icc)
    for at in places:
        found[at] = ord("x")
    return bytes(found)


def _converter(profile: ImageCms.ImageCmsProfile, mode: str) -> Convert | None:
    space = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space]
    if mode != space and (mode, space) != ("L", "RGB"):
        return None
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":  # 256 levels take no time; optimised, a steep curve is many levels off in the darks
        flags |= ImageCms.Flags.NOOPTIMIZE
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), space, "RGB", flags=flags)
    if mode == "CMYK":
        return transform.apply
    probe = _probe(mode)
    moved = transform.apply(probe.convert(space))
    nearly = 1 if mode == "L" else 2  # levels; a table of 256 costs nothing
    if np.abs(np.asarray(probe.convert("RGB"), int) - np.asarray(moved, int)).max() <= nearly:
        return None
    if mode == "L":
        table = list(moved.convert("L").tobytes())
        return lambda image: image.point(table)
    return transform.apply_in_place


def _probe(mode: str) -> Image.Image:
    """All 256 grays, or 9x9x9 colours in equal steps."""
    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    levels = [round(i * 255 / 8) for i in range(9)]
    return Image.frombytes("RGB", (729, 1), bytes(v for r in levels for g in levels for b in levels for v in (r, g, b)))
