"""PNGs."""

import struct
import zlib

import numpy as np
from PIL import Image

from tests.support.pictures.files import (
    COLOURS,
    GRAYS,
    SIZE,
    Colour,
    Picture,
    Point,
    chunk,
    gray_scene,
    png,
    png16,
    save,
    scene,
    shows,
)

WHITE = (255, 255, 255)


def palette_png(**options) -> bytes:
    image = Image.new("P", SIZE)
    image.putpalette([level for colour in COLOURS for level in colour])
    image.paste(scene([0, 1, 2, 3], "L"))
    return save(image, "PNG", **options)


def cutout(alpha: int = 0) -> Image.Image:
    """The scene whose top left is transparent."""
    image = scene().convert("RGBA")
    image.paste((*COLOURS[0], alpha), (0, 0, 24, 16))
    return image


def over_white(alpha: int = 0) -> dict[Point, Colour]:
    return shows([tuple(round(255 + (v - 255) * alpha / 255) for v in COLOURS[0]), *COLOURS[1:]])


def packed_png(depth: int, levels: list[int], *extra: bytes) -> bytes:
    """A gray PNG of 1, 2 or 4 bits."""
    samples = np.asarray(scene(levels, "L"))
    bits = np.unpackbits(samples[..., None], axis=2)[..., 8 - depth :]
    return png(SIZE, depth, 0, np.packbits(bits.reshape(SIZE[1], -1), axis=1).tobytes(), *extra)


def text_bomb(name: bytes, start: bytes) -> bytes:
    return png(SIZE, 8, 2, scene().tobytes(), chunk(name, start + zlib.compress(bytes(50_000_000), 9)))


def linear_png(profile: bytes) -> bytes:
    return save(gray_scene(), "PNG", icc_profile=profile)


PNGS = [
    Picture("a PNG", lambda: save(scene(), "PNG"), SIZE, shows()),
    Picture("a gray PNG", lambda: save(gray_scene(), "PNG"), SIZE, shows(GRAYS), gray=True),
    Picture("a black and white drawing", lambda: packed_png(1, [0, 1, 1, 0]), SIZE, shows([0, 255, 255, 0]), gray=True),
    Picture("a drawing of four grays", lambda: packed_png(2, [0, 1, 2, 3]), SIZE, shows([0, 85, 170, 255]), gray=True),
    Picture(
        "a drawing of four grays, one transparent",
        lambda: packed_png(2, [0, 1, 2, 3], chunk(b"tRNS", b"\0\1")),
        SIZE,
        shows([0, 255, 170, 255]),
        gray=True,
    ),
    Picture(
        "a stencil with transparent black",
        lambda: packed_png(1, [0, 1, 1, 0], chunk(b"tRNS", b"\0\0")),
        SIZE,
        shows([255, 255, 255, 255]),
        gray=True,
    ),
    Picture("a PNG with a palette", palette_png, SIZE, shows()),
    Picture(
        "a PNG whose palette is missing",
        lambda: png(SIZE, 8, 3, bytes(SIZE[0] * SIZE[1])),
        error="PNG is damaged: its palette is missing",
    ),
    Picture("a palette with one transparent colour", lambda: palette_png(transparency=0), SIZE, over_white()),
    Picture("a palette with soft edges", lambda: palette_png(transparency=b"\x80\xff"), SIZE, over_white(128)),
    Picture(
        "a PNG with a transparent colour",
        lambda: save(scene(), "PNG", transparency=COLOURS[0]),
        SIZE,
        over_white(),
    ),
    Picture("a logo with a transparent ground", lambda: save(cutout(), "PNG"), SIZE, over_white()),
    Picture("a logo with a soft shadow", lambda: save(cutout(100), "PNG"), SIZE, over_white(100)),
    Picture(
        "a gray logo with a transparent ground",
        lambda: save(scene([(40, 0), (100, 255), (160, 255), (220, 128)], "LA"), "PNG"),
        SIZE,
        shows([255, 100, 160, 237]),
        gray=True,
    ),
    Picture("a scan of 16 bits", lambda: png16(GRAYS, 0), SIZE, shows(GRAYS), gray=True),
    Picture(
        "a scan of 16 bits with a transparent level",
        lambda: png16(GRAYS, 0, chunk(b"tRNS", struct.pack(">H", 100 * 256 + 77))),
        SIZE,
        shows([40, 255, 160, 220]),
        gray=True,
    ),
    Picture("a colour scan of 16 bits", lambda: png16(COLOURS, 2), SIZE, shows()),
    Picture(
        "a colour scan of 16 bits with a transparent colour",
        lambda: png16(COLOURS, 2, chunk(b"tRNS", struct.pack(">3H", *(v * 256 + 77 for v in COLOURS[0])))),
        SIZE,
        over_white(),
    ),
    Picture(
        "a colour scan of 16 bits with a transparent colour that differs in the low bits",
        lambda: png16(COLOURS, 2, chunk(b"tRNS", struct.pack(">3H", *(v * 256 + 78 for v in COLOURS[0])))),
        SIZE,
        shows(),
    ),
    Picture(
        "a colour scan of 16 bits with a gamma and a transparent colour",
        lambda: png16(
            COLOURS,
            2,
            chunk(b"gAMA", struct.pack(">I", 45_455)),
            chunk(b"tRNS", struct.pack(">3H", *(v * 256 + 77 for v in COLOURS[3]))),
        ),
        SIZE,
        shows([*COLOURS[:3], WHITE]),
    ),
    Picture(
        "a cutout of 16 bits",
        lambda: png16([(*COLOURS[0], 0), *((*colour, 255) for colour in COLOURS[1:])], 6),
        SIZE,
        over_white(),
    ),
    Picture(
        "the first frame of a moving PNG",
        lambda: save(scene(), "PNG", save_all=True, append_images=[Image.new("RGB", SIZE)]),
        SIZE,
        shows(),
    ),
    Picture("a PNG whose end is missing", lambda: save(scene(size=(300, 200)), "PNG")[:-120], error="PNG is cut off"),
    Picture("a PNG cut within its header", lambda: save(scene(), "PNG")[:20], error="PNG is cut off"),
    Picture(
        "a PNG with a wrong checksum",
        lambda: save(scene(), "PNG").replace(b"IHDR", b"IHDR\0", 1)[:-1],
        error="PNG is damaged",
    ),
    Picture("a PNG with damaged pixels", lambda: png(SIZE, 8, 2, b"").replace(b"IDATx", b"IDATy"), error="PNG"),
    Picture("a PNG without width", lambda: png((0, 32), 8, 2, b""), error="no pixels"),
    Picture("a PNG of an unknown depth", lambda: png(SIZE, 3, 2, scene().tobytes()), error="PNG has no pixels, or"),
    Picture("a PNG of ten thousand million pixels", lambda: png((100_000,) * 2, 8, 2, b"x"), error="10,000,000,000"),
    Picture("a PNG with a text bomb", lambda: text_bomb(b"zTXt", b"k\0\0"), SIZE, shows()),
    Picture("a PNG with a bomb in another language", lambda: text_bomb(b"iTXt", b"k\0\1\0\0\0"), SIZE, shows()),
    Picture("a PNG with a profile bomb", lambda: text_bomb(b"iCCP", b"k\0\0"), SIZE, shows()),
    Picture(
        "a PNG of empty chunks without end",
        lambda: png(SIZE, 8, 2, scene().tobytes(), chunk(b"teSt", b"") * 70_000),
        error="more than 65,536 chunks",
    ),
]
