"""GIF, BMP and Netpbm's formats: blocks, gaps and comments."""

import functools
import struct

from tests.support.bombs import MEGABYTE, bombs
from tests.support.bombs.segments import photo
from tests.support.pictures.files import rgb_profile, save


@functools.cache
def gif() -> bytes:
    return save(photo().quantize(8), "GIF")


def before_picture(data: bytes, junk: bytes) -> bytes:
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + junk + data[at:]


def comment(length: int, count: int) -> bytes:
    return b"!\xfe" + (bytes([length]) + b"x" * length) * count + b"\0"


def crumbs(data: bytes) -> bytes:
    """With junk of one byte each behind the pixels, before their end."""
    at = data.rindex(b"\0;")
    return data[:at] + b"\1\1" * 5_000_000 + data[at:]


GIF = bombs(
    "GIF",
    gif,
    {
        "20 comments of 60 kB": lambda d: before_picture(d, comment(255, 235) * 20),
        "a comment of 20 MB": lambda d: before_picture(d, comment(255, 80_000)),
        "thousands of comments": lambda d: before_picture(d, comment(1, 1) * 15_000),
        "20 MB of further frames": lambda d: d[:-1] + d[d.index(b",") : -1] * (20 * MEGABYTE // len(d)) + b";",
        "20 MB behind its pixels": crumbs,
    },
) + bombs(
    "GIF",
    gif,
    {
        "comments of millions of pieces": lambda d: before_picture(d, comment(1, 30_000) * 300),
    },
    refused=True,
)


# --- BMP --------------------------------------------------------------------------------------------------------------


@functools.cache
def bmp() -> bytes:
    return save(photo(), "BMP")


@functools.cache
def palette_bmp() -> bytes:
    return save(photo().quantize(64), "BMP")


def with_gap(data: bytes, gap: bytes) -> bytes:
    (offset,) = struct.unpack_from("<I", data, 10)
    return data[:10] + struct.pack("<I", offset + len(gap)) + data[14:offset] + gap + data[offset:]


def version_5(data: bytes) -> bytes:
    """With a header that names a colour profile at the end of the file."""
    icc = rgb_profile().ljust(20 * MEGABYTE, b"\0")
    (offset,) = struct.unpack_from("<I", data, 10)
    head = struct.pack("<I", 124) + data[18:54] + bytes(16) + b"DEBM" + bytes(48)
    head += struct.pack("<4I", 4, len(data) + 84 - 14, len(icc), 0)
    return data[:10] + struct.pack("<I", 14 + 124) + head + data[offset:] + icc


BMP = [
    one
    for plain in (bmp, palette_bmp)
    for one in bombs(
        f"BMP ({plain.__name__})",
        plain,
        {
            "20 MB behind its pixels": lambda d: d + bytes(20 * MEGABYTE),
            "20 MB before its pixels": lambda d: with_gap(d, bytes(20 * MEGABYTE)),
        },
    )
] + bombs("BMP", bmp, {"a profile of 20 MB": version_5})


# --- Netpbm -----------------------------------------------------------------------------------------------------------


@functools.cache
def ppm() -> bytes:
    return save(photo(), "PPM")


@functools.cache
def plain_ppm() -> bytes:
    """In words."""
    pixels = photo().resize((64, 48))
    words = b"\n".join(b" ".join(b"%d" % v for v in pixels.crop((0, y, 64, y + 1)).tobytes()) for y in range(48))
    return b"P3\n64 48\n255\n" + words + b"\n"


def after(data: bytes, token: bytes, junk: bytes) -> bytes:
    at = data.index(token) + len(token)
    return data[:at] + junk + data[at:]


PPM = bombs(
    "PPM",
    ppm,
    {
        "a comment of 10 MB before its depth": lambda d: after(d, b"320 240\n", b"#" + b"x" * 10 * MEGABYTE + b"\n"),
        "20 MB behind its pixels": lambda d: d + bytes(20 * MEGABYTE),
    },
    refused=True,
) + bombs(
    "PPM",
    plain_ppm,
    {
        "a comment of 10 MB among its pixels": lambda d: after(d, b"255\n", b"#" + b"x" * 10 * MEGABYTE + b"\n"),
        "thousands of comments among its pixels": lambda d: after(d, b"255\n", b"#\n" * 100_000),
        "20 MB of gaps": lambda d: after(d, b"255\n", b" " * 20 * MEGABYTE),
        "20 MB of words behind its pixels": lambda d: d + b"0 " * 10 * MEGABYTE,
    },
    refused=True,
)

PPM += bombs("PPM", lambda: b"P1 64 48\n" + b"0 " * 3072, {"20 MB of bits behind": lambda d: d + b"1 " * 10 * MEGABYTE})

BOMBS = [*GIF, *BMP, *PPM]
