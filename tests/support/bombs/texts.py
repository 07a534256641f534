"""PNG and WebP: chunks."""

import functools
import struct
import zlib

import numpy as np

from tests.support.bombs import MEGABYTE, bombs, wide_exif
from tests.support.bombs.segments import ENTRY, photo
from tests.support.pictures.files import chunk, rgb_profile, save
from tests.support.pictures.files import png as png_of

BEFORE, AFTER = b"IDAT", b"IEND"


@functools.cache
def png() -> bytes:
    return save(photo(), "PNG")


@functools.cache
def palette_png() -> bytes:
    return save(photo().quantize(4), "PNG")


def put(data: bytes, junk: bytes, at: bytes = BEFORE) -> bytes:
    where = data.index(at) - 4
    return data[:where] + junk + data[where:]


def tags_of_the_same(channels: bytes = b"rgb") -> bytes:
    """A profile with eighty tags more that are the whole profile, which is three megabytes."""
    data = bytearray(rgb_profile(channels, **{f"x{i:03}": b"" for i in range(80)}).ljust(3 * MEGABYTE, b"\0"))
    for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12):
        if data[at : at + 1] == b"x":
            data[at + 4 : at + 12] = struct.pack(">II", 128, len(data) - 128)
    data[:4] = struct.pack(">I", len(data))
    return bytes(data)


def deep_png(icc: bytes = b"") -> bytes:
    """Of 16 bits, in the colours of a camera that calls blue red."""
    image = np.asarray(photo()).astype(">u2") * 257
    profile = chunk(b"iCCP", ICC + zlib.compress(icc or rgb_profile(b"bgr")))
    return png_of((320, 240), 16, 2, image.astype(">u2").tobytes(), profile)


def itxt(text: bytes) -> bytes:
    return chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(text))


def million_of_fractions(order: str = ">") -> bytes:
    """An orientation of a million fractions, all of them the bytes behind it."""
    entry = struct.pack(order + "HHLL", 0x0112, 5, 1_000_000, 26)
    return wide_exif(entry, loose=b"\0\0\0\6" * 2_000_000, order=order)


MANY = wide_exif(struct.pack("<HHLHH", 0x0112, 4, 1, 6, 0), ENTRY, count=65_535)
FRAME = chunk(b"fcTL", bytes(26)) + chunk(b"fdAT", bytes(12))
ICC = b"x\0\0"

# Twenty thousand elements that are the same matrix, which changes nothing (ICC.1:2022, 10.14).
ELEMENT = b"matf" + bytes(4) + struct.pack(">HH12f", 3, 3, *(1, 0, 0, 0, 1, 0, 0, 0, 1), 0.01, 0.01, 0.01)
PROGRAM = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, 20_000)
PROGRAM += struct.pack(">II", 16 + 160_000, len(ELEMENT)) * 20_000 + ELEMENT
#: Four thousand values that are the same bytes, in both directories.
OVER_EACH_OTHER = wide_exif(
    struct.pack("<HHLL", 34665, 4, 1, 8),
    *(struct.pack("<HHLL", tag, 2, 900_000, 8) for tag in range(33434, 37430)),
    loose=bytes(900_000),
)
SPACES = zlib.compress(b" " * 990_000)
ELEMENTS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    + b"<a/>" * 240_000
    + b"</rdf:RDF></x:xmpmeta>"
)

PNG = bombs("PNG", png, {"thousands of pieces of no pixels": lambda d: put(d, chunk(b"IDAT", b"") * 60_000)}, True)
PNG += bombs(
    "PNG of 16 bits",
    deep_png,
    {
        "a profile of tags that lie over each other": lambda _: deep_png(tags_of_the_same(b"bgr")),
        "a profile of twenty thousand steps": lambda _: deep_png(rgb_profile(b"bgr", D2B0=PROGRAM)),
    },
)
PNG += bombs(
    "PNG",
    png,
    {
        "texts of 63 MB": lambda d: put(d, itxt(b"a" * 1_000_000 + "🙂".encode()) * 63),
        "old texts of 200 MB": lambda d: put(d, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(MEGABYTE))) * 200),
        "values that lie over each other": lambda d: put(d, chunk(b"eXIf", OVER_EACH_OTHER)),
        "an XMP of a quarter of a million elements": lambda d: put(
            d, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + ELEMENTS)
        ),
        "texts of different names": lambda d: put(
            d, b"".join(chunk(b"zTXt", b"%d\0\0" % i + SPACES) for i in range(1, 400))
        ),
        "thousands of texts": lambda d: put(d, chunk(b"tEXt", b"a\0b") * 60_000),
        "thousands of texts behind the pixels": lambda d: put(d, chunk(b"tEXt", b"a\0b") * 60_000, AFTER),
        "an orientation of a million fractions": lambda d: put(d, chunk(b"eXIf", million_of_fractions())),
        "an EXIF block of 65,535 entries": lambda d: put(d, chunk(b"eXIf", MANY)),
        "30 MB of EXIF": lambda d: put(d, chunk(b"eXIf", MANY.ljust(30 * MEGABYTE, b"\0"))),
        "a profile of 50 MB": lambda d: put(
            d, chunk(b"iCCP", ICC + zlib.compress(rgb_profile().ljust(50 * MEGABYTE, b"\0")))
        ),
        "a profile of 7 MB": lambda d: put(
            d, chunk(b"iCCP", ICC + zlib.compress(rgb_profile().ljust(7 * MEGABYTE, b"\0")))
        ),
        "a profile of twenty thousand steps": lambda d: put(
            d, chunk(b"iCCP", ICC + zlib.compress(rgb_profile(D2B0=PROGRAM)))
        ),
        "a profile of tags that lie over each other": lambda d: put(
            d, chunk(b"iCCP", ICC + zlib.compress(tags_of_the_same()))
        ),
        "thousands of frames": lambda d: put(d, chunk(b"acTL", bytes(8)) + FRAME * 30_000, AFTER),
        "20 MB behind its pixels": lambda d: put(d, chunk(b"IDAT", bytes(20 * MEGABYTE)), AFTER),
        "thousands of gammas": lambda d: put(d, chunk(b"gAMA", b"\0\0\xb1\x8f") * 60_000),
        "thousands of gammas that have changed": lambda d: put(d, (chunk(b"gAMA", bytes(4))[:-1] + b"!") * 60_000),
        "20 MB of a suggested palette": lambda d: put(d, chunk(b"PLTE", bytes(20 * MEGABYTE - 2))),
        "20 MB of a suggested palette of a name": lambda d: put(d, chunk(b"sPLT", bytes(20 * MEGABYTE))),
    },
) + bombs(
    "PNG",
    palette_png,
    {
        "a palette of 20 MB": lambda d: put(d[:33], b"", b"IHDR") + chunk(b"PLTE", bytes(20 * MEGABYTE - 2)) + d[33:],
        "a transparency of 20 MB": lambda d: put(d, chunk(b"tRNS", b"\xff" * 20 * MEGABYTE)),
    },
    refused=True,
)


# --- WebP -------------------------------------------------------------------------------------------------------------


@functools.cache
def webp() -> bytes:
    return save(photo(), "WEBP", exif=b"Exif\0\0II*\0")


@functools.cache
def animation() -> bytes:
    return save(photo(), "WEBP", save_all=True, append_images=[photo().rotate(180)])


def riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def put_riff(data: bytes, junk: bytes, before: bytes | None = None) -> bytes:
    at = len(data) if before is None else data.index(before)
    whole = data[:at] + junk + data[at:]
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def in_frame(data: bytes, junk: bytes) -> bytes:
    """With further chunks in the first frame of an animation, behind its pixels."""
    at = data.index(b"ANMF")
    (length,) = struct.unpack_from("<I", data, at + 4)
    end = at + 8 + length
    whole = data[: at + 4] + struct.pack("<I", length + len(junk)) + data[at + 8 : end] + junk + data[end:]
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def long_pixels(data: bytes) -> bytes:
    at = data.index(b"VP8 ")
    (length,) = struct.unpack_from("<I", data, at + 4)
    grown = data[:at] + riff(b"VP8 ", data[at + 8 : at + 8 + length] + b"\1" * 20 * MEGABYTE)
    return grown[:4] + struct.pack("<I", len(grown) - 8) + grown[8:]


WEBP = bombs(
    "WebP",
    webp,
    {
        "an orientation of a million fractions": lambda d: put_riff(
            d, riff(b"EXIF", million_of_fractions("<")), b"EXIF"
        ),
        "an EXIF block of 65,535 entries": lambda d: put_riff(d, riff(b"EXIF", MANY), b"EXIF"),
        "30 MB of EXIF": lambda d: put_riff(d, riff(b"EXIF", MANY.ljust(30 * MEGABYTE, b"\0")), b"EXIF"),
        "20 MB of XMP": lambda d: put_riff(d, riff(b"XMP ", bytes(20 * MEGABYTE))),
        "a profile of 20 MB": lambda d: put_riff(d, riff(b"ICCP", rgb_profile().ljust(20 * MEGABYTE, b"\0")), b"VP8 "),
        "thousands of chunks": lambda d: put_riff(d, riff(b"abcd", b"") * 60_000, b"VP8 "),
        "20 MB behind its pixels": long_pixels,
    },
) + bombs(
    "WebP",
    animation,
    {
        "thousands of frames": lambda d: put_riff(d, d[d.rindex(b"ANMF") :] * 5_000),
        "thousands of chunks in a frame": lambda d: in_frame(d, riff(b"abcd", b"") * 60_000),
    },
)

BOMBS = [*PNG, *WEBP]
