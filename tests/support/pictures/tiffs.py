"""TIFFs."""

import struct

import numpy as np
from PIL import Image

from tests.support.pictures.files import COLOURS, GRAYS, SIZE, Picture, gray_scene, save, scene, shows, tiff
from tests.support.pictures.jpegs import INKS, NAIVE_INKS
from tests.support.pictures.pngs import cutout, over_white


def gray_tiff(kind: str, scale: float, tags: dict, order: str = "<", offset: float = 0) -> bytes:
    samples = np.asarray(gray_scene()).astype(float) * scale + offset
    return tiff(samples.astype(order + kind).tobytes(), tags, order=order)


def float_tiff() -> bytes:
    samples = np.asarray(gray_scene()).astype("<f4") / 255
    samples[:4, :4], samples[-4:, -4:], samples[:4, -4:] = np.nan, np.inf, -np.inf
    return tiff(samples.tobytes(), {258: (3, [32]), 339: (3, [3])})


def twelve_bits() -> bytes:
    samples = (np.asarray(gray_scene()).astype(int) * 4095 // 255).reshape(-1, 2)
    first, second = samples[:, 0], samples[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    return tiff(packed.astype(np.uint8).tobytes(), {258: (3, [12])})


def tiled_tiff(side: int = 16) -> bytes:
    pixels = gray_scene()
    tiles = [pixels.crop((x, y, x + 16, y + 16)).tobytes() for y in (0, 16) for x in (0, 16, 32)]
    tags = {322: (3, [side]), 323: (3, [side]), 324: (4, [8 + 256 * i for i in range(6)]), 325: (4, [256] * 6)}
    data = tiff(b"".join(tiles), tags)
    return data.replace(struct.pack("<HH", 273, 4), struct.pack("<HH", 65001, 4))  # not in strips


RGB_TAGS = {258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3])}


def ycc_tiff(tags: dict) -> bytes:
    """Luma and chroma, the three samples of each pixel together."""
    return tiff(scene().convert("YCbCr").tobytes(), RGB_TAGS | {262: (3, [6])} | tags)


# What a TIFF of luma and chroma may say, and is not read as.
OTHER_CHROMA = {
    "at half the resolution": {530: (3, [2, 2])},
    "of television": {530: (3, [1, 1]), 529: (12, [0.2126, 0.7152, 0.0722])},
    "of a narrow range": {530: (3, [1, 1]), 532: (12, [16, 235, 128, 240, 128, 240])},
}

TIFFS = [
    Picture("a TIFF", lambda: save(scene(), "TIFF"), SIZE, shows()),
    Picture("a gray TIFF of a scanner", lambda: save(gray_scene(), "TIFF"), SIZE, shows(GRAYS), gray=True),
    Picture("a compressed TIFF", lambda: save(scene(), "TIFF", compression="tiff_lzw"), SIZE, shows()),
    Picture("a TIFF with a JPEG in it", lambda: save(scene(), "TIFF", compression="jpeg", quality=95), SIZE, shows()),
    Picture(
        "a fax",
        lambda: save(scene([0, 1, 1, 0], "1"), "TIFF", compression="group4"),
        SIZE,
        shows([0, 255, 255, 0]),
        gray=True,
    ),
    Picture("a tiled TIFF", tiled_tiff, SIZE, shows(GRAYS), gray=True),
    Picture("a TIFF of 16 bits", lambda: gray_tiff("u2", 257, {258: (3, [16])}), SIZE, shows(GRAYS), gray=True),
    Picture(
        "a TIFF of 16 bits from a big-endian computer",
        lambda: gray_tiff("u2", 257, {258: (3, [16])}, order=">"),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a negative of 16 bits that says that white is zero",
        lambda: gray_tiff("u2", 257, {258: (3, [16]), 262: (3, [0])}),
        SIZE,
        shows([255 - level for level in GRAYS]),
        gray=True,
    ),
    Picture("a TIFF of 12 bits", twelve_bits, SIZE, shows(GRAYS), gray=True),
    Picture(
        "a TIFF of signed 16 bits",
        lambda: gray_tiff("i2", 200, {258: (3, [16]), 339: (3, [2])}, offset=-20_000),
        SIZE,
        shows([0, 85, 170, 255]),
        gray=True,
    ),
    Picture(
        "a TIFF of 32 bits",
        lambda: gray_tiff("i4", 257, {258: (3, [32]), 339: (3, [2])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a TIFF of 32 bits that holds 8",
        lambda: gray_tiff("i4", 1, {258: (3, [32]), 339: (3, [2])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a TIFF of signed 16 bits that holds 8 up to their white",
        lambda: tiff(
            np.asarray(scene([40, 100, 160, 255], "L")).astype("<i2").tobytes(), {258: (3, [16]), 339: (3, [2])}
        ),
        SIZE,
        shows([40, 100, 160, 255]),
        gray=True,
    ),
    Picture(
        "a TIFF of the same measurement everywhere",
        lambda: tiff(np.full(SIZE, -5, "<f4").tobytes(), {258: (3, [32]), 339: (3, [3])}),
        SIZE,
        shows([0] * 4),
        gray=True,
    ),
    Picture(
        "a TIFF of large numbers",
        lambda: gray_tiff("i4", 1_000_000, {258: (3, [32]), 339: (3, [2])}),
        SIZE,
        shows([0, 85, 170, 255]),
        gray=True,
    ),
    Picture(
        "a TIFF of no numbers at all",
        lambda: tiff(np.full(SIZE, np.nan, "<f4").tobytes(), {258: (3, [32]), 339: (3, [3])}),
        SIZE,
        shows([0] * 4),
        gray=True,
    ),
    Picture("a TIFF of fractions, some of them no numbers", float_tiff, SIZE, shows(GRAYS), gray=True),
    Picture(
        "a TIFF of measurements",
        lambda: gray_tiff("f4", 1000, {258: (3, [32]), 339: (3, [3])}, offset=-40_000),
        SIZE,
        shows([0, 85, 170, 255]),
        gray=True,
    ),
    Picture("a TIFF of the print shop", lambda: save(scene(INKS, "CMYK"), "TIFF"), SIZE, shows(NAIVE_INKS)),
    Picture(
        "a TIFF in Lab",
        lambda: save(scene().convert("LAB"), "TIFF"),
        SIZE,
        shows(),
        tolerance=6,
    ),
    Picture("a TIFF in luma and chroma", lambda: save(scene().convert("YCbCr"), "TIFF"), SIZE, shows()),
    Picture("a TIFF in luma and chroma by hand", lambda: ycc_tiff({530: (3, [1, 1])}), SIZE, shows()),
    Picture("a TIFF with a palette", lambda: save(scene().quantize(4), "TIFF"), SIZE, shows()),
    Picture("a TIFF with a transparent ground", lambda: save(cutout(), "TIFF"), SIZE, over_white()),
    Picture(
        "a TIFF with colours multiplied by alpha",
        lambda: tiff(
            scene([(0, 0, 0, 0), *((*colour, 255) for colour in COLOURS[1:])], "RGBA").tobytes(),
            RGB_TAGS | {258: (3, [8] * 4), 277: (3, [4]), 338: (3, [1])},
        ),
        SIZE,
        over_white(),
    ),
    Picture(
        "the first page of a TIFF",
        lambda: save(scene(), "TIFF", save_all=True, append_images=[Image.new("RGB", (20, 20))]),
        SIZE,
        shows(),
    ),
    Picture("a TIFF whose end is missing", lambda: save(scene(), "TIFF")[:-900], error="TIFF is cut off"),
    Picture("a TIFF without a directory", lambda: b"II*\0" + struct.pack("<L", 5000), error="TIFF is cut off"),
    Picture(
        "a TIFF of three floats a pixel",
        lambda: tiff(bytes(48 * 32 * 12), RGB_TAGS | {258: (3, [32] * 3), 339: (3, [3] * 3)}),
        error="kind of TIFF is not supported",
    ),
    Picture(
        "a TIFF of 16 million million pixels",
        lambda: tiff(b"x", {256: (4, [4_000_000]), 257: (4, [4_000_000])}),
        error="16,000,000,000,000",
    ),
    Picture(
        "a TIFF of a million strips",
        lambda: tiff(b"x", {273: (3, [8] * 1_000_000)}),
        error="1,000,000 values",
    ),
    Picture("a TIFF of tiles as large as a city", lambda: tiled_tiff(65_000), error="much larger than the picture"),
    Picture(
        "the preview in a camera raw file",
        lambda: tiff(gray_scene().tobytes(), {254: (4, [1]), 330: (4, [8])}),
        error="camera raw",
    ),
]
TIFFS += [
    Picture(f"a TIFF in luma and chroma {name}", lambda t=t: ycc_tiff(t), error="kind of TIFF is not supported")
    for name, t in OTHER_CHROMA.items()
]
