"""Broken or not: judged by the pixels, not by the file's end (and metadata that damn no picture)."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

from tests.support.pictures.files import (
    SIZE,
    Bytes,
    Picture,
    chunk,
    exif,
    png,
    save,
    scene,
    segment,
    shows,
    tiff,
    with_segments,
)
from tests.support.pictures.jpegs import plain_jpeg

BIG = (240, 160)


def rich() -> Image.Image:
    """A picture whose file is mostly pixels: no part of it can be guessed from another."""
    noise = np.random.default_rng(3).integers(0, 60, (*BIG[::-1], 3), np.uint8)
    return Image.fromarray(np.asarray(scene(size=BIG)) // 2 + noise)


def heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90, **options)
    return buffer.getvalue()


def wavy() -> Image.Image:
    return Image.fromarray(np.random.default_rng(4).integers(0, 2, BIG[::-1], np.uint8) * 255).convert("1")


def interlaced_png() -> bytes:
    """Adam7, all rows without a filter."""
    pixels, rows = np.asarray(rich()), []
    for left, top, across, down in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]:
        rows += [b"\0" + row.tobytes() for row in pixels[top::down, left::across]]
    rows += [b"\0" + row.tobytes() for row in pixels[1::2]]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *BIG, 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


FILES: dict[str, Bytes] = {
    "JPEG": lambda: save(rich(), "JPEG"),
    "progressive JPEG": lambda: save(rich(), "JPEG", progressive=True),
    "JPEG of the smallest tables": lambda: save(rich(), "JPEG", optimize=True),
    "JPEG with restarts": lambda: save(rich(), "JPEG", restart_marker_blocks=8),
    "CMYK JPEG": lambda: save(rich().convert("CMYK"), "JPEG"),
    "PNG": lambda: save(rich(), "PNG"),
    "interlaced PNG": interlaced_png,
    "GIF": lambda: save(rich().quantize(64), "GIF"),
    "WebP": lambda: save(rich(), "WEBP"),
    "BMP": lambda: save(rich(), "BMP"),
    "PPM": lambda: save(rich(), "PPM"),
    "AVIF": lambda: save(rich(), "AVIF", quality=95),
    "HEIC": lambda: heic(rich()),
    "JPEG 2000": lambda: save(rich(), "JPEG2000"),
    "TIFF": lambda: tiff(rich().tobytes(), RGB, size=BIG),
    "TIFF in Deflate": lambda: tiff(zlib.compress(rich().tobytes()), RGB | {259: (3, [8])}, size=BIG),
    "TIFF in JPEG": lambda: save(rich(), "TIFF", compression="jpeg"),
    "fax": lambda: save(wavy(), "TIFF", compression="group4"),
}
RGB = {258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3])}
#: Where each format's pixels end and the rest of the file may be missing, from its end.
SPARE = {"JPEG": 2, "progressive JPEG": 2, "JPEG of the smallest tables": 2, "JPEG with restarts": 2, "CMYK JPEG": 2}
SPARE |= {"PNG": 20, "interlaced PNG": 20, "GIF": 2, "JPEG 2000": 2}
#: Formats whose pixels have no redundancy at all: a hole is a part of the picture.
SEAMLESS = {"BMP", "PPM", "TIFF", "JPEG 2000"}


def pixels_of(name: str) -> tuple[bytes, int, int]:
    """A file, and where its pixels begin and end."""
    data = FILES[name]()
    marks = {"JPEG 2000": b"\xff\x93", "JPEG": b"\xff\xda", "PNG": b"IDAT", "AVIF": b"mdat", "HEIC": b"mdat"}
    mark = next((mark for kind, mark in marks.items() if kind in name and "TIFF" not in name), None)
    start = data.rindex(mark) + 40 if mark else 100
    return data, start, len(data) - 40


# --- Metadata that nobody needs ---------------------------------------------------------------------------------------


def wrong_checksum(name: bytes, body: bytes) -> bytes:
    return png(SIZE, 8, 2, scene().tobytes(), chunk(name, body)[:-4] + b"\1\2\3\4")


def tiff_with(*tags: tuple[int, int, list[int]]) -> bytes:
    return tiff(scene().tobytes(), RGB | {tag: (form, values) for tag, form, values in tags})


def webp_with(name: bytes, body: bytes, length: int | None = None) -> bytes:
    data = save(scene(), "WEBP", lossless=True, exif=b"Exif\0\0II*\0")
    at = data.index(b"EXIF")
    data = data[:at] + name + struct.pack("<I", len(body) if length is None else length) + body + bytes(len(body) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def heif_with_broken_exif(data: bytes) -> bytes:
    at = data.rindex(b"MM\0*") if b"MM\0*" in data else data.rindex(b"II*\0")
    return data[:at] + b"\xff" * 8 + data[at + 8 :]


def changed_palette() -> bytes:
    image = scene().quantize(4)
    data = save(image, "PNG")
    at = data.index(b"PLTE") + 4
    return data[:at] + b"\xff" + data[at + 1 :]


CHUNKS = [(b"pHYs", bytes(9)), (b"tEXt", b"a\0b"), (b"iCCP", b"x\0\0junk"), (b"eXIf", b"II*\0"), (b"gAMA", bytes(4))]
CHUNKS += [(b"cHRM", bytes(3)), (b"tIME", b"?"), (b"bKGD", b""), (b"sBIT", b"\x09" * 3), (b"acTL", bytes(8))]

METADATA = [
    Picture(
        f"a PNG whose {name.decode()} has a wrong checksum", lambda n=name, b=body: wrong_checksum(n, b), SIZE, shows()
    )
    for name, body in CHUNKS
]
METADATA += [
    Picture(
        f"a PNG whose {name.decode()} makes no sense",
        lambda n=name, b=body: png(SIZE, 8, 2, scene().tobytes(), chunk(n, b)),
        SIZE,
        shows(),
    )
    for name, body in CHUNKS
]
METADATA += [
    Picture(
        f"a JPEG with a broken segment {marker:x} of {bytes(body[:4])!r}",
        lambda m=marker, b=body: with_segments(plain_jpeg(), segment(m, b)),
        SIZE,
        shows(),
    )
    for marker, body in [
        (0xE0, b"JFIF\0\7\7\2\0\0\0\0\xff\xff"),
        (0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
        (0xE2, b"ICC_PROFILE\0\5\2junk"),
        (0xE2, b"MPF\0MM\0*\xff\xff\xff\xff"),
        (0xED, b"Photoshop 3.0\x008BIM\4\4\xff"),
        (0xEE, b"Adobe\0d\0\0\0\0\7"),
        (0xFE, b"\xff\xd9\xff\xd8"),
    ]
]
METADATA += [
    Picture(
        "a JPEG with stray bytes in its header",
        lambda: plain_jpeg().replace(b"\xff\xdb", b"ab\0c\xff\xdb", 1),
        SIZE,
        shows(),
    ),
    Picture("a PNG with a broken palette's checksum", changed_palette, error="PNG is damaged"),
    Picture(
        "a PNG with a broken transparency's checksum", lambda: wrong_checksum(b"tRNS", bytes(6)), error="PNG is damaged"
    ),
    Picture("a TIFF whose EXIF directory is nowhere", lambda: tiff_with((34665, 4, [2**32 - 1])), SIZE, shows()),
    Picture("a TIFF whose place is nowhere", lambda: tiff_with((34853, 4, [7]), (700, 7, [b"<"])), SIZE, shows()),
    Picture("a TIFF whose resolution is of a wrong type", lambda: tiff_with((282, 3, [72, 1, 1])), SIZE, shows()),
    Picture("a TIFF whose profile is nonsense", lambda: tiff_with((34675, 4, [1, 2, 3])), SIZE, shows()),
    Picture("a TIFF whose orientation is of a wrong type", lambda: tiff_with((274, 12, [6])), SIZE, shows()),
    Picture("a WebP with a broken profile", lambda: webp_with(b"ICCP", b"junk"), SIZE, shows()),
    Picture("a WebP whose EXIF says too much length", lambda: webp_with(b"EXIF", b"MM", 70_000), SIZE, shows()),
    Picture("a WebP with broken XMP", lambda: webp_with(b"XMP ", b"\xff\xfe<"), SIZE, shows()),
    Picture(
        "a WebP whose length is too long",
        lambda: (d := save(scene(), "WEBP", lossless=True))[:4] + b"\xff\xff\0\0" + d[8:],
        SIZE,
        shows(),
    ),
    Picture(
        "a WebP whose length is too short",
        lambda: (d := save(scene(), "WEBP", lossless=True))[:4] + b"\x10\0\0\0" + d[8:],
        SIZE,
        shows(),
    ),
    Picture(
        "an AVIF with broken EXIF",
        lambda: heif_with_broken_exif(save(scene(), "AVIF", quality=95, exif=exif(1))),
        SIZE,
        shows(),
        tolerance=12,
    ),
    Picture(
        "a HEIC with broken EXIF",
        lambda: heif_with_broken_exif(heic(scene(), exif=exif(1))),
        SIZE,
        shows(),
        tolerance=12,
    ),
]
