"""JPEG and JPEG 2000: segments, boxes and markers."""

import functools
import struct

from PIL import Image

from tests.support.bombs import MEGABYTE, bombs, wide_exif
from tests.support.pictures.files import rgb_profile, save, scene, segment, with_segments

ENTRY = struct.pack("<HHLL", 0x9286, 2, 4, 0)
RATIONAL = struct.pack("<HHLL", 0x0112, 5, 8000, 8)


@functools.cache
def photo() -> Image.Image:
    return scene(size=(320, 240))


@functools.cache
def jpeg() -> bytes:
    return save(photo(), "JPEG")


@functools.cache
def progressive() -> bytes:
    return save(photo(), "JPEG", progressive=True)


def before_second_scan(data: bytes, junk: bytes) -> bytes:
    at = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[:at] + junk + data[at:]


def of_pieces(body: bytes) -> list[bytes]:
    pieces = [body[at : at + 65_000] for at in range(0, len(body), 65_000)]
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes([i + 1, len(pieces)]) + piece) for i, piece in enumerate(pieces)]


EXIF = b"Exif\0\0" + wide_exif(RATIONAL, ENTRY, count=5400)

JPEG = bombs(
    "JPEG",
    jpeg,
    {
        "thousands of comments": lambda d: with_segments(d, segment(0xFE, b"x") * 4000),
        "sixteen EXIF segments full of entries": lambda d: with_segments(d, segment(0xE1, EXIF) * 16),
        "a profile of 16 MB": lambda d: with_segments(d, *of_pieces(rgb_profile().ljust(16 * MEGABYTE, b"\0"))),
        "20 MB of XMP": lambda d: with_segments(
            d, segment(0xE1, (b"http://ns.adobe.com/xmp/extension/\0" * 1800)) * 320
        ),
        "20 MB of IPTC": lambda d: with_segments(d, segment(0xED, b"Photoshop 3.0\0" + bytes(64_000)) * 320),
        "20 MB of further pictures": lambda d: d + d * (20 * MEGABYTE // len(d)),
    },
) + bombs(
    "JPEG",
    progressive,
    {
        "20 MB of tables": lambda d: before_second_scan(d, segment(0xC4, bytes(17) * 3800) * 320),
        "20 MB of fill bytes": lambda d: d[:2] + b"\xff" * 20 * MEGABYTE + d[2:],
        "20 MB of restarts": lambda d: before_second_scan(d, b"\xff\xd0" * 10 * MEGABYTE),
        "a million comments between its scans": lambda d: before_second_scan(d, segment(0xFE, b"") * 10**6),
        "20 MB of junk between its scans": lambda d: before_second_scan(d, b"\xff\x01" * 10**7),
    },
    refused=True,
)


# --- JPEG 2000 --------------------------------------------------------------------------------------------------------


@functools.cache
def jp2() -> bytes:
    return save(photo(), "JPEG2000")


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def with_boxes(data: bytes, *boxes: bytes) -> bytes:
    at = data.index(b"jp2h") - 4
    return data[:at] + b"".join(boxes) + data[at:]


def in_header(data: bytes, junk: bytes) -> bytes:
    """With more boxes in the box of the header."""
    at = data.index(b"jp2h")
    length = int.from_bytes(data[at - 4 : at], "big")
    end = at - 4 + length
    return data[: at - 4] + struct.pack(">I", length + len(junk)) + data[at:end] + junk + data[end:]


def in_main_header(data: bytes, junk: bytes) -> bytes:
    """With more marker segments in the codestream's header; the last box goes to the end of the file."""
    at = data.index(b"jp2c") - 4
    tile = data.index(b"\xff\x90", at)
    return data[:at] + bytes(4) + data[at + 4 : tile] + junk + data[tile:]


def in_tile_header(data: bytes, junk: bytes) -> bytes:
    at = data.index(b"jp2c") - 4
    tile = data.index(b"\xff\x90", at)
    length = int.from_bytes(data[tile + 6 : tile + 10], "big")
    head = data[tile : tile + 6] + struct.pack(">I", length + len(junk)) + data[tile + 10 : tile + 12]
    return data[:at] + bytes(4) + data[at + 4 : tile] + head + junk + data[tile + 12 :]


def tile_parts(data: bytes, count: int) -> bytes:
    """With parts of its tile that hold no packets, behind the one that does."""
    at = data.index(b"jp2c") - 4
    end = data.rindex(b"\xff\xd9")
    empty = b"\xff\x90\0\x0a\0\0" + struct.pack(">IBB", 14, 1, 0) + b"\xff\x93"
    return data[:at] + bytes(4) + data[at + 4 : end] + empty * count + b"\xff\xd9"


COMMENT = b"\xff\x64\0\4\0\1"
COLOUR = box(b"colr", bytes.fromhex("01000000000010"))

JPEG_2000 = bombs(
    "JPEG 2000",
    jp2,
    {
        "20 MB of XMP": lambda d: with_boxes(d, box(b"uuid", bytes(20 * MEGABYTE))),
        "thousands of boxes": lambda d: with_boxes(d, box(b"xml ", b"<a/>") * 60_000),
        "a profile of 20 MB": lambda d: in_header(
            d, box(b"colr", b"\2\0\0" + rgb_profile().ljust(20 * MEGABYTE, b"\0"))
        ),
        "thousands of colours": lambda d: in_header(d, COLOUR * 60_000),
        "thousands of comments": lambda d: in_main_header(d, COMMENT * 60_000),
        "20 MB of comments": lambda d: in_main_header(d, (COMMENT[:2] + b"\xfd\xea" + bytes(65_000)) * 300),
    },
) + bombs(
    "JPEG 2000",
    jp2,
    {
        "thousands of quantizations": lambda d: in_main_header(d, b"\xff\x5d\0\5\0\x40\x40" * 60_000),
        "20 MB of packets' headers": lambda d: in_main_header(d, (b"\xff\x60\xff\xff\0" + bytes(65_532)) * 320),
        "a million comments in a tile": lambda d: in_tile_header(d, COMMENT * 10**6),
        "thousands of parts of a tile": lambda d: tile_parts(d, 50_000),
        "tiles of four pixels": lambda d: save(photo(), "JPEG2000", tile_size=(2, 2)),
        "thousands of layers": lambda d: save(photo(), "JPEG2000", quality_layers=[1.0]).replace(
            b"\xff\x52\0\x0c\0\0\0\1", b"\xff\x52\0\x0c\0\0\xff\xff"
        ),
        "precincts of a few pixels": lambda _: save(photo(), "JPEG2000", precinct_size=(8, 8), codeblock_size=(4, 4)),
    },
    refused=True,
)

BOMBS = [*JPEG, *JPEG_2000]
