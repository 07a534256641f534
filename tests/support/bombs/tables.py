"""TIFF: tags, directories, strips and tiles."""

import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image

from tests.support.bombs import MEGABYTE, bombs
from tests.support.bombs.segments import photo
from tests.support.pictures.files import rgb_profile, save, segment, with_segments

TYPES = {1: "B", 3: "H", 4: "L", 7: "B", 12: "d"}
RGB = {258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3])}
#: Two thousand pixels on a side: those of a tile of twice that.
LARGE = 2000


@functools.cache
def lossless() -> bytes:
    return save(photo(), "TIFF")


@functools.cache
def large() -> Image.Image:
    return Image.fromarray(np.indices((LARGE, LARGE)).sum(0).astype(np.uint8)).convert("RGB")


def directory(tags: dict[int, tuple[int, list]], at: int, following: int = 0) -> bytes:
    """A directory that stands at an offset, with its values behind it."""
    body, loose = struct.pack("<H", len(tags)), b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, (form, values) in sorted(tags.items()):
        raw = struct.pack(f"<{len(values)}{TYPES[form]}", *values)
        if len(raw) > 4:
            loose, raw = loose + raw, struct.pack("<L", end + len(loose))
        body += struct.pack("<HHL", tag, form, len(values)) + raw.ljust(4, b"\0")
    return body + struct.pack("<L", following) + loose


def tiff(pieces: list[bytes], tags: dict[int, tuple[int, list]], size: tuple[int, int] = (320, 240)) -> bytes:
    """A TIFF of these strips, or, where it says so, tiles."""
    offsets = np.cumsum([8, *map(len, pieces)]).tolist()
    tiled = 322 in tags
    base = {256: (4, [size[0]]), 257: (4, [size[1]]), 259: (3, [1])} | RGB
    base[324 if tiled else 273] = (4, offsets[:-1])
    base[325 if tiled else 279] = (4, [len(piece) for piece in pieces])
    return b"".join(
        [b"II*\0", struct.pack("<L", offsets[-1]), *pieces, directory(base | tags, offsets[-1])],
    )


def tags_of_the_same(data: bytes) -> bytes:
    """With all tags that pixels may need, each of 65,536 values that stand in the same place."""
    (at,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    body = data[at + 2 : at + 2 + 12 * count]
    known = {struct.unpack_from("<H", body, 12 * i)[0] for i in range(count)}
    more = [tag for tag in (*range(254, 347), 513, 514, 529, 530, 532) if tag not in known and tag not in (266, 317)]
    more = [tag for tag in more if tag not in (320, 322, 323, 324, 325, 330, 332, 338, 339, 530, 284)]
    values = len(data) + 12 * (count + len(more)) + 6
    body += b"".join(struct.pack("<HHLL", tag, 4, 65_536, values) for tag in more)
    head = data[:4] + struct.pack("<L", len(data)) + data[8:]
    return head + struct.pack("<H", count + len(more)) + body + bytes(4) + b"\1\0\0\0" * 65_536


def reduced(data: bytes, entries: list[bytes], pages: int = 1000, loose: bytes = b"") -> bytes:
    """With thousands of thumbnails before the picture itself, each with these entries in its directory."""
    (own,) = struct.unpack_from("<L", data, 4)
    entries = [struct.pack("<HHLL", 254, 4, 1, 1), *entries]
    size = 2 + 12 * len(entries) + 4
    start = len(data) + len(loose)
    parts = [data[:4], struct.pack("<L", start), data[8:], loose]
    for page in range(pages):
        following = start + size * (page + 1) if page + 1 < pages else own
        parts += [struct.pack("<H", len(entries)), *entries, struct.pack("<L", following)]
    return b"".join(parts)


def with_tag(data: bytes, tag: int, form: int, value: bytes, count: int | None = None) -> bytes:
    """With a tag more, whose value stands at the end of the file."""
    (at,) = struct.unpack_from("<L", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    body = data[at + 2 : at + 2 + 12 * entries]
    there = len(data) + 2 + 12 * (entries + 1) + 4
    size = {1: 1, 3: 2, 4: 4, 5: 8, 7: 1}[form]
    entry = struct.pack("<HHLL", tag, form, len(value) // size if count is None else count, there)
    table = sorted([body[12 * i : 12 * i + 12] for i in range(entries)] + [entry], key=lambda e: e[:2][::-1])
    head = data[:4] + struct.pack("<L", len(data)) + data[8:]
    return head + struct.pack("<H", entries + 1) + b"".join(table) + bytes(4) + value


@functools.cache
def in_tiles(side: int, compression: str = "LZW") -> bytes:
    """The large picture in a corner of one tile."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[:LARGE, :LARGE] = np.asarray(large())
    if compression == "Deflate":
        packed, number = zlib.compress(pixels.tobytes(), 1), 8
    else:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "TIFF", compression="tiff_lzw", tiffinfo={278: side})
        image = Image.open(buffer)
        offset, length = image.tag_v2[273][0], image.tag_v2[279][0]
        packed, number = buffer.getvalue()[offset : offset + length], 5
    return tiff([packed], {322: (4, [side]), 323: (4, [side]), 259: (3, [number])}, (LARGE, LARGE))


def large_tiff() -> bytes:
    return in_tiles(LARGE)


@functools.cache
def small_tiles(side: int = 16) -> bytes:
    pixels = np.asarray(photo())
    tiles = [
        zlib.compress(pixels[top : top + side, left : left + side].tobytes(), 1)
        for top in range(0, 240, side)
        for left in range(0, 320, side)
    ]
    return tiff(tiles, {322: (4, [side]), 323: (4, [side]), 259: (3, [8])})


def overlapping(length: int = 20 * MEGABYTE) -> bytes:
    """Strips of a row each, of which each says that it goes to the end of the file."""
    rows = [zlib.compress(row.tobytes()) for row in np.asarray(photo())]
    data = tiff([*rows, bytes(length)], {259: (3, [8]), 278: (4, [1])})
    counts = data.index(struct.pack(f"<{len(rows) + 1}L", *map(len, rows), length))
    return data[:counts] + struct.pack("<L", length) * len(rows) + data[counts + 4 * len(rows) :]


def extra_samples(count: int = 61) -> bytes:
    """Sixty samples behind the colours of each pixel, all of them nothing, in one strip of a picture of a megapixel."""
    pixels = np.zeros((1000, 1000, 3 + count), np.uint8)
    pixels[..., :3] = np.asarray(photo().resize((1000, 1000)))
    n = 3 + count
    return tiff(
        [zlib.compress(pixels.tobytes(), 1)],
        {258: (3, [8] * n), 277: (3, [n]), 338: (3, [0] * count), 259: (3, [8])},
        (1000, 1000),
    )


@functools.cache
def huge_jpeg() -> bytes:
    """A black JPEG of 100 megapixels."""
    return save(Image.new("L", (10_000, 10_000)), "JPEG", optimize=True)


def one_jpeg_for_all(count: int = 2_000) -> bytes:
    """Strips that are the same JPEG, which has thousands of segments."""
    data = with_segments(save(photo().crop((0, 0, 320, 8)), "JPEG"), segment(0xFE, b"") * 4000)
    tags = {256: (4, [320]), 257: (4, [8 * count]), 278: (4, [8]), 259: (3, [7]), 262: (3, [6])}
    return tiff([data], tags | {273: (4, [8] * count), 279: (4, [len(data)] * count)})


@functools.cache
def plain_strips() -> bytes:
    return save(photo().resize((320, 16_000)), "TIFF", compression="jpeg")


ENTRY = struct.pack("<HHLL", 40_000, 4, 1, 0)

TIFF = bombs(
    "TIFF",
    lossless,
    {
        "thousands of tags in each of a thousand thumbnails": lambda d: reduced(d, [ENTRY] * 2_000),
        "a thousand thumbnails of millions of values": lambda d: reduced(
            d,
            [struct.pack("<HHLL", tag, 1, 65_536, len(d)) for tag in (258, 273, 277, 279, 324, 325, 338, 339, 532)],
            loose=bytes(65_536),
        ),
        "20 MB of further pages": lambda d: reduced(d, [], 1000) + bytes(20 * MEGABYTE),
        "20 MB of XMP": lambda d: with_tag(d, 700, 1, bytes(20 * MEGABYTE)),
        "20 MB of IPTC": lambda d: with_tag(d, 33723, 4, bytes(20 * MEGABYTE)),
        "an EXIF block of 20 MB": lambda d: with_tag(d, 34665, 4, bytes(20 * MEGABYTE)),
        "a profile of 20 MB": lambda d: with_tag(d, 34675, 7, rgb_profile().ljust(20 * MEGABYTE, b"\0")),
        "an orientation of a million fractions": lambda d: with_tag(d, 274, 5, b"\1\0\0\0" * 2_000_000),
        "20 MB of JPEG's tables": lambda d: with_tag(d, 347, 7, bytes(20 * MEGABYTE)),
        "thousands of bits": lambda d: with_tag(d, 341, 3, bytes(20 * MEGABYTE)),
    },
)
TIFF += bombs(
    "TIFF",
    lossless,
    {
        "thousands of values of each tag": tags_of_the_same,
        "strips that lie over each other": lambda d: overlapping(),
        "a JPEG of 100 megapixels as a strip": lambda d: tiff(
            [huge_jpeg()], {259: (3, [7]), 258: (3, [8]), 277: (3, [1]), 262: (3, [1]), 278: (4, [240])}
        ),
        "a JPEG of 100 megapixels in the old style": lambda d: tiff(
            [huge_jpeg()],
            {259: (3, [6]), 258: (3, [8]), 277: (3, [1]), 262: (3, [1]), 513: (4, [8]), 514: (4, [0])},
        ),
        "tables of 10 MB for each of a hundred tiles": lambda d: with_tag(
            tiff(
                [save(photo().crop((0, 0, 32, 32)), "JPEG")] * 80,
                {322: (4, [32]), 323: (4, [32]), 259: (3, [7]), 262: (3, [6])},
            ),
            *(347, 7, b"\xff\xd8" + segment(0xFE, bytes(60_000)) * 160 + b"\xff\xd9"),
        ),
        "sixty samples more than its colours": lambda d: extra_samples(),
    },
    refused=True,
)
TIFF += bombs(
    "TIFF",
    large_tiff,
    {
        "a tile of four times the picture": lambda d: in_tiles(2 * LARGE),
        "a deflated tile of four times the picture": lambda d: in_tiles(2 * LARGE, "Deflate"),
        "a tile of four times the picture, nearly": lambda d: in_tiles(LARGE + 500),
    },
    refused=True,
)
TIFF += bombs(
    "TIFF", plain_strips, {"one JPEG of thousands of segments for all strips": lambda d: one_jpeg_for_all()}, True
)
TIFF += bombs(
    "TIFF",
    lambda: small_tiles(80),
    {"small tiles": lambda d: small_tiles(16), "tiny tiles": lambda d: small_tiles(2)},
    True,
)

BOMBS = TIFF
