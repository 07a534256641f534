"""Files that say how their samples are meant, and which page is the picture."""

import struct

import numpy as np
from PIL import Image

from tests.support.pictures.ends import RGB
from tests.support.pictures.files import (
    COLOURS,
    GRAYS,
    SIZE,
    Picture,
    bmp,
    chunk,
    encoded,
    gray_scene,
    png,
    rgb_profile,
    save,
    scene,
    shows,
    tiff,
)
from tests.support.pictures.tiffs import gray_tiff

GAMMA = "a PNG of a gamma of its own"


def with_gamma(value: int, *extra: bytes) -> bytes:
    return png(SIZE, 8, 0, gray_scene().tobytes(), *extra, chunk(b"gAMA", struct.pack(">I", value)))


LINEAR = shows([encoded(level / 255) for level in GRAYS])
P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def cicp(*values: int) -> bytes:
    return png(SIZE, 8, 2, scene().tobytes(), chunk(b"cICP", bytes(values)))


# From linear light of wider colours to that of sRGB: CSS Color 4 (Display P3), ITU-R BT.2087 (BT.2020), and SMPTE
# RP 431-2, whose greener white Bradford's transform brings to that of sRGB.
P3_TO_SRGB = [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]
BT_2020_TO_SRGB = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
THEATRE_TO_SRGB = [[1.1575, -0.1550, -0.0026], [-0.0415, 1.0456, -0.0041], [-0.0181, -0.0786, 1.0966]]


def in_srgb(to_srgb: list[list[float]]) -> list[tuple[int, ...]]:
    """The scene's colours, meant as wider ones."""
    levels = np.array(COLOURS) / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4) @ np.array(to_srgb).T
    return [tuple(encoded(part) for part in colour) for colour in light.clip(0, 1)]


def masked_bmp(alpha: int) -> bytes:
    """32 bits a pixel and a mask for alpha, as Windows 98 and later write it."""
    pixels = np.dstack([np.asarray(scene())[::-1, :, ::-1], np.full(SIZE[::-1], alpha, np.uint8)])
    head = struct.pack(
        "<IiiHHIIiiII4I", 56, *SIZE, 1, 32, 3, pixels.size, 0, 0, 0, 0, 0xFF0000, 0xFF00, 0xFF, 0xFF000000
    )
    return b"BM" + struct.pack("<IHHI", 14 + 56 + pixels.size, 0, 0, 14 + 56) + head + pixels.tobytes()


def planes_tiff(kind: str, scale: int) -> bytes:
    """RGB in separate planes."""
    samples = np.moveaxis(np.asarray(scene()), 2, 0).astype(kind) * np.array(scale, kind)
    length = samples[0].nbytes
    strips = {273: (4, [8, 8 + length, 8 + 2 * length]), 279: (4, [length] * 3), 284: (3, [2])}
    bits = samples.dtype.itemsize * 8
    return tiff(samples.tobytes(), RGB | strips | {258: (3, [bits] * 3)})


def ten_bits_of_each_colour(*greatest: int) -> bytes:
    """RGB in 16 bits that go up to 1020, with what the file says is the greatest sample of each colour."""
    samples = np.asarray(scene()).astype("<u2") * 4
    return tiff(samples.tobytes(), RGB | {258: (3, [16] * 3), 281: (3, list(greatest))})


def thumbnail_first(**tags: int) -> bytes:
    """A TIFF whose first page is a reduced copy, and whose second is the picture."""
    small, full = Image.new("L", (12, 8), 255), gray_scene()
    data = tiff(small.tobytes(), {254: (4, [1])}, size=(12, 8))
    second = tiff(full.tobytes(), {254: (4, [0])})
    at = struct.unpack_from("<L", data, 4)[0]
    entries = struct.unpack_from("<H", data, at)[0]
    base, (directory,) = len(data), struct.unpack_from("<L", second, 4)
    moved = bytearray(second)
    for i in range(struct.unpack_from("<H", second, directory)[0]):
        entry = directory + 2 + 12 * i
        if struct.unpack_from("<H", second, entry)[0] == 273:
            struct.pack_into("<L", moved, entry + 8, base + 8)
    link = at + 2 + 12 * entries
    return data[:link] + struct.pack("<L", base + directory) + data[link + 4 :] + moved


TWELVE = {258: (3, [16]), 281: (3, [4095])}

MEANINGS = [
    Picture("a TIFF of 16 bits in planes", lambda: planes_tiff("<u2", 257), SIZE, shows()),
    Picture("a TIFF of 8 bits in planes", lambda: planes_tiff("<u1", 1), SIZE, shows()),
    Picture(
        "a TIFF of floats in planes",
        lambda: planes_tiff("<u4", 2**24),
        error="32-bit unsigned integers in separate planes",
    ),
    Picture(
        "a TIFF of 32 bits over their whole range",
        lambda: gray_tiff("u4", 16_843_009, {258: (3, [32])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a gray TIFF of one plane that is apart",
        lambda: gray_tiff("u2", 257, {258: (3, [16]), 284: (3, [2])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a TIFF of 12 bits in 16 that says so",
        lambda: gray_tiff("u2", 4095 / 255, TWELVE),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a TIFF of 14 bits in 16 from a big-endian computer",
        lambda: gray_tiff("u2", 16383 / 255, {258: (3, [16]), 281: (3, [16383])}, ">"),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture("a colour TIFF of 10 bits that says so", lambda: ten_bits_of_each_colour(1023, 1023, 1023), SIZE, shows()),
    Picture(
        "a TIFF whose colours have each a range of its own, which is not heeded",
        lambda: ten_bits_of_each_colour(1023, 4095, 1023),
        SIZE,
        shows([tuple(level * 4 // 257 for level in colour) for colour in COLOURS]),
    ),
    Picture(
        "a TIFF of 16 bits that says it has 12", lambda: gray_tiff("u2", 257, TWELVE), SIZE, shows(GRAYS), gray=True
    ),
    Picture(
        "a TIFF whose least sample is its greatest",
        lambda: gray_tiff("u2", 257, {258: (3, [16]), 281: (3, [0])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture("a TIFF with a thumbnail before the picture", thumbnail_first, SIZE, shows(GRAYS), gray=True),
    Picture("a PNG whose levels are linear", lambda: with_gamma(100_000), SIZE, LINEAR, gray=True),
    Picture(
        "a PNG with a gamma and sRGB", lambda: with_gamma(100_000, chunk(b"sRGB", b"\0")), SIZE, shows(GRAYS), gray=True
    ),
    Picture("a PNG with the gamma of sRGB", lambda: with_gamma(45_455), SIZE, shows(GRAYS), gray=True),
    Picture("a PNG with a gamma of nothing", lambda: with_gamma(0), SIZE, shows(GRAYS), gray=True),
    Picture("a PNG with a gamma that nobody means", lambda: with_gamma(4_000_000_000), SIZE, shows(GRAYS), gray=True),
    Picture(
        "a PNG with a gamma and a profile",
        lambda: save(scene(), "PNG", icc_profile=rgb_profile(b"bgr")),
        SIZE,
        shows([c[::-1] for c in COLOURS]),
    ),
    Picture(
        "a PNG with a gamma and chromaticities without sense",
        lambda: with_gamma(45_455, chunk(b"cHRM", bytes(32))),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture("an HDR picture in PQ", lambda: cicp(9, 16, 0, 1), error="HDR pictures (PQ)"),
    Picture("an HDR picture in HLG", lambda: cicp(9, 18, 0, 1), error="HDR pictures (HLG)"),
    Picture("an HDR picture of a narrow range", lambda: cicp(9, 16, 0, 0), error="HDR pictures (PQ)"),
    Picture("an HDR picture whose other numbers make no sense", lambda: cicp(2, 18, 9, 1), error="HDR pictures (HLG)"),
    Picture("a PNG of the narrow range of video", lambda: cicp(1, 13, 0, 0), error="video's narrow range"),
    Picture("a PNG that says sRGB by numbers", lambda: cicp(1, 13, 0, 1), SIZE, shows()),
    Picture("a PNG in Apple's colours", lambda: cicp(12, 13, 0, 1), SIZE, shows(in_srgb(P3_TO_SRGB))),
    Picture("a PNG in the colours of cinemas", lambda: cicp(11, 13, 0, 1), SIZE, shows(in_srgb(THEATRE_TO_SRGB))),
    Picture(
        "a PNG in the colours of new televisions", lambda: cicp(9, 13, 0, 1), SIZE, shows(in_srgb(BT_2020_TO_SRGB))
    ),
    Picture("a PNG whose numbers do not exist", lambda: cicp(99, 16, 7, 3), SIZE, shows()),
    Picture("a BMP whose alpha is nothing everywhere", lambda: masked_bmp(0), SIZE, shows()),
    Picture("a BMP whose alpha is opaque", lambda: masked_bmp(255), SIZE, shows()),
    Picture(
        "a BMP of 8 bits with a palette of black and white",
        lambda: bmp(SIZE, 8, 0, np.asarray(scene([0, 1, 1, 0], "L"))[::-1].tobytes(), bytes(4) + b"\xff\xff\xff\0"),
        SIZE,
        shows([0, 255, 255, 0]),
        gray=False,
    ),
]


MEANINGS += [
    Picture(
        f"a PNG that says a gamma of {gamma} by a number",
        lambda number=number: cicp(1, number, 0, 1),
        SIZE,
        shows([tuple(encoded((level / 255) ** gamma) for level in colour) for colour in COLOURS]),
    )
    for number, gamma in {4: 2.2, 5: 2.8, 8: 1.0}.items()
]
