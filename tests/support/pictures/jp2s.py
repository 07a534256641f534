"""JPEG 2000: what the boxes and the depth say of the samples."""

import struct

import imagecodecs
import numpy as np
from PIL import Image

from tests.support.pictures.files import COLOURS, GRAYS, SIZE, Picture, gray_scene, scene, shows

UNSUPPORTED = "kind of JPEG 2000 is not supported"


def coded(samples: np.ndarray, bits: int = 8, *, bare: bool = False, colorspace: str | None = None) -> bytes:
    """Lossless, each component by itself."""
    return imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(samples),
        level=0,
        codecformat="j2k" if bare else "jp2",
        colorspace=colorspace,
        bitspersample=bits,
        reversible=True,
        mct=False,
    )


def of_depth(image: Image.Image, bits: int, **options) -> bytes:
    return coded(np.rint(np.asarray(image) * ((2**bits - 1) / 255)).astype(np.uint8), bits, **options)


def steps(values: list, bits: int) -> list:
    """Levels as so many bits have them."""
    most = 2**bits - 1
    one = lambda value: round(round(value * most / 255) * 255 / most)  # noqa: E731
    return [tuple(map(one, value)) if isinstance(value, tuple) else one(value) for value in values]


def box(name: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), name) + b"".join(parts)


def with_boxes(data: bytes, *boxes: bytes, space: int | None = None) -> bytes:
    """A JP2 with more boxes in its header, and another number of its colour space."""
    at = data.index(b"jp2h") - 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    header = data[at + 8 : end]
    if space is not None:
        colr = header.index(b"colr")
        header = header[: colr + 7] + struct.pack(">I", space) + header[colr + 11 :]
    return data[:at] + box(b"jp2h", header, *boxes) + data[end:]


def defined(*channels: tuple[int, int, int]) -> bytes:
    """Number, kind and colour of each channel."""
    return box(b"cdef", struct.pack(">H", len(channels)), *(struct.pack(">3H", *each) for each in channels))


def indexes(bits: int = 8) -> bytes:
    """The scene as four numbers; that of the colour before the last is not used."""
    return coded(np.asarray(scene([0, 1, 2, 4], "L")), bits, colorspace="SRGB")


ENTRIES = [*COLOURS[:3], COLOURS[0], COLOURS[3]]  # one of them twice


def palette(*, columns: int = 3, bits: int = 8, order: list[int] | None = None, entries: list = ENTRIES) -> bytes:
    values = b"".join(bytes((*entry, 255)[:columns]) for entry in entries)
    table = box(b"pclr", struct.pack(">HB", len(entries), columns), bytes([bits - 1] * columns), values)
    return table + box(b"cmap", *(struct.pack(">HBB", 0, 1, i) for i in order or range(columns)))


def transparent() -> np.ndarray:
    alpha = np.full((*SIZE[::-1], 1), 255, np.uint8)
    alpha[:16, :24] = 0
    return np.concatenate([np.asarray(scene()), alpha], axis=2)


def rgb_jp2() -> bytes:
    return coded(np.asarray(scene()))


GROUND = [(255, 255, 255), *COLOURS[1:]]
ALPHA = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))

JP2S = [
    *(
        Picture(
            f"a gray JPEG 2000 of {bits} bits, {'bare' if bare else 'in boxes'}",
            lambda bits=bits, bare=bare: of_depth(gray_scene(), bits, bare=bare),
            SIZE,
            shows(steps(GRAYS, bits)),
            gray=True,
        )
        for bits in (1, 2, 4, 7)
        for bare in (False, True)
    ),
    *(
        Picture(
            f"a colour JPEG 2000 of {bits} bits",
            lambda bits=bits: of_depth(scene(), bits),
            SIZE,
            shows(steps(COLOURS, bits)),
        )
        for bits in (4, 6)
    ),
    Picture(
        "a JPEG 2000 in luma and chroma of 4 bits",
        lambda: with_boxes(of_depth(scene(), 4), space=18),
        error=UNSUPPORTED,
    ),
    Picture(
        "a JPEG 2000 in luma and chroma",
        lambda: coded(np.asarray(scene().convert("YCbCr")), colorspace="SYCC"),
        SIZE,
        shows(),
    ),
    Picture("a JPEG 2000 that does not say its colour space", lambda: with_boxes(rgb_jp2(), space=0), SIZE, shows()),
    Picture("a JPEG 2000 of an unknown colour space", lambda: with_boxes(rgb_jp2(), space=65535), SIZE, shows()),
    *(
        Picture(f"a JPEG 2000 in {name}", lambda n=number: with_boxes(rgb_jp2(), space=n), error=UNSUPPORTED)
        for name, number in {
            "luma and chroma of television": 1,
            "luma and chroma of photo CDs": 9,
            "three inks": 11,
            "Lab": 14,
            "gray though it has colours": 17,
            "the colours of film scanners": 21,
        }.items()
    ),
    Picture(
        "a JPEG 2000 of the print shop",
        lambda: coded(np.asarray(scene().convert("CMYK")), colorspace="CMYK"),
        SIZE,
        shows(),
    ),
    *(
        Picture(
            f"a JPEG 2000 with a palette, indexes of {bits} bits",
            lambda bits=bits: with_boxes(indexes(bits), palette()),
            SIZE,
            shows(),
        )
        for bits in (8, 4, 3)
    ),
    Picture(
        "a JPEG 2000 with a palette with alpha",
        lambda: with_boxes(indexes(), palette(columns=4), defined(*ALPHA)),
        SIZE,
        shows(),
    ),
    Picture("a JPEG 2000 with a gray palette", lambda: with_boxes(indexes(), palette(columns=1)), error=UNSUPPORTED),
    Picture("a JPEG 2000 with a deep palette", lambda: with_boxes(indexes(), palette(bits=12)), error=UNSUPPORTED),
    Picture(
        "a JPEG 2000 with a palette in another order",
        lambda: with_boxes(indexes(), palette(order=[2, 1, 0])),
        error=UNSUPPORTED,
    ),
    Picture("a JPEG 2000 with half a palette", lambda: with_boxes(indexes(), palette()[:-60]), error="JPEG 2000"),
    Picture(
        "a JPEG 2000 of blue, green and red",
        lambda: with_boxes(rgb_jp2(), defined((0, 0, 3), (1, 0, 2), (2, 0, 1))),
        error=UNSUPPORTED,
    ),
    Picture(
        "a JPEG 2000 that says that its channels are red, green and blue",
        lambda: with_boxes(rgb_jp2(), defined((2, 0, 3), (0, 0, 1), (1, 0, 2))),
        SIZE,
        shows(),
    ),
    Picture(
        "a JPEG 2000 with a transparent ground",
        lambda: with_boxes(coded(transparent()), defined(*ALPHA)),
        SIZE,
        shows(GROUND),
    ),
    Picture(
        "a JPEG 2000 with infrared behind its colours",
        lambda: with_boxes(coded(transparent()), defined(*ALPHA[:3], (3, 65535, 65535))),
        error=UNSUPPORTED,
    ),
    Picture(
        "a JPEG 2000 with colours multiplied by alpha",
        lambda: with_boxes(coded(transparent()), defined(*ALPHA[:3], (3, 2, 0))),
        error=UNSUPPORTED,
    ),
]
