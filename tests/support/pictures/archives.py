"""What phones and archives have: HEIC and JPEG 2000."""

import io
import struct

import numpy as np
import pillow_heif
from PIL import Image

from colorize_service.imaging.formats.boxes import shown_items
from colorize_service.imaging.formats.heif import written
from colorize_service.imaging.formats.items import Property
from tests.support.pictures.ends import heic
from tests.support.pictures.files import (
    COLOURS,
    GRAYS,
    SIZE,
    Picture,
    encoded,
    exif,
    gray_scene,
    rgb_profile,
    save,
    scene,
    shows,
)
from tests.support.pictures.meanings import P3_TO_SRGB, in_srgb

P3 = shows(in_srgb(P3_TO_SRGB))
LINEAR = shows([tuple(encoded(level / 255) for level in colour) for colour in COLOURS])


def heic_of_a_camera_that_calls_blue_red() -> bytes:
    image = scene()
    image.info["icc_profile"] = rgb_profile(b"bgr")
    return heic(image)


def heic_with_a_huge_thumbnail() -> bytes:
    heif = pillow_heif.from_pillow(scene(size=(240, 160)))
    heif.info["thumbnails"] = [64]
    buffer = io.BytesIO()
    heif.save(buffer, quality=90)
    data = bytearray(buffer.getvalue())
    at = data.rindex(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 20_000, 20_000)
    return bytes(data)


def jp2_without_samples(component: int, axis: int) -> bytes:
    """A component that has a sample every 0 pixels."""
    data = bytearray(save(scene(), "JPEG2000"))
    data[data.index(b"\xff\x51") + 40 + 3 * component + 1 + axis] = 0
    return bytes(data)


def huge_heic(size: tuple[int, int] = (64, 64)) -> bytes:
    data = bytearray(heic(scene(size=size)))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 20_000, 20_000)
    return bytes(data)


def huge_jp2() -> bytes:
    data = bytearray(save(scene(), "JPEG2000"))
    at = data.index(b"\xff\x51") + 6
    data[at : at + 24] = struct.pack(">6I", 100_000, 100_000, 0, 0, 100_000, 100_000)
    return bytes(data)


def in_numbers(form: str, primaries: int, transfer: int) -> bytes:
    """A file that names its colours by their numbers."""
    return _changed(form, [Property(b"colr", memoryview(b"nclx" + struct.pack(">HHHB", primaries, transfer, 6, 128)))])


LARGE = (256, 128)  # of which x265 codes just so much, and nothing beside it


def cropped(form: str, shown: tuple[int, int], x: int, y: int, *turns: tuple[bytes, int]) -> bytes:
    """A file that shows a part of its picture, whose middle is so far from the picture's; and then turns it."""
    crop = struct.pack(">4IiIiI", shown[0], 1, shown[1], 1, x, 1, y, 1)
    added = [(b"clap", crop), *((name, bytes([value])) for name, value in turns)]
    return _changed(form, [Property(name, memoryview(value), essential=True) for name, value in added])


def _changed(form: str, added: list[Property]) -> bytes:
    image = scene(size=LARGE if any(one.name == b"clap" for one in added) else SIZE)
    items = shown_items(save(image, "AVIF", quality=95) if form == "avif" else heic(image))
    first = next(iter(items.values()))
    names = {one.name for one in added}
    first.properties = [one for one in first.properties if one.name not in names] + added
    return written(items, form.encode())


_NAMES = {"avif": "an AVIF", "heic": "a HEIC"}
ARCHIVES = [
    *(
        Picture(f"{name} in Apple's colours by number", lambda f=form: in_numbers(f, 12, 13), SIZE, P3, tolerance=12)
        for form, name in _NAMES.items()
    ),
    *(
        Picture(f"{name} of linear light by number", lambda f=form: in_numbers(f, 1, 8), SIZE, LINEAR, tolerance=12)
        for form, name in _NAMES.items()
    ),
    *(
        Picture(f"{name} that says sRGB by number", lambda f=form: in_numbers(f, 1, 13), SIZE, shows(), tolerance=12)
        for form, name in _NAMES.items()
    ),
    *(
        Picture(
            f"{name} that shows {half} of its picture",
            lambda f=form, size=size, x=x, y=y: cropped(f, size, x, y),
            size,
            {(40, 40): COLOURS[first], (size[0] - 40, size[1] - 40): COLOURS[last]},
            tolerance=12,
        )
        for form, name in _NAMES.items()
        for half, size, x, y, first, last in [
            ("the left half", (128, 128), -64, 0, 0, 2),
            ("the right half", (128, 128), 64, 0, 1, 3),
            ("the upper half", (256, 64), 0, -32, 0, 1),
            ("the lower half", (256, 64), 0, 32, 2, 3),
        ]
    ),
    *(
        Picture(
            f"{name} that shows a part of its picture, turned and mirrored",
            lambda f=form: cropped(f, (120, 128), 64, 0, (b"irot", 1), (b"imir", 0)),
            (128, 120),
            {(40, 60): COLOURS[1], (88, 60): COLOURS[3]},
            tolerance=12,
        )
        for form, name in _NAMES.items()
    ),
    Picture(
        "an AVIF that shows what lies outside of it",
        lambda: cropped("avif", (128, 128), 80, 0),
        error="AVIF is damaged: the part",
    ),
    Picture(
        "a HEIC that shows a tenth of its picture",
        lambda: cropped("heic", (64, 50), 0, 0),
        error="kind of HEIC is not supported",
    ),
    Picture("a photo of an iPhone", lambda: heic(scene()), SIZE, shows(), tolerance=12),
    Picture(
        "a turned photo of an iPhone",
        lambda: heic(scene().transpose(Image.Transpose.ROTATE_90), exif=exif(6)),
        SIZE,
        shows(),
        tolerance=12,
    ),
    Picture("a HEIC with a transparent ground", lambda: heic(scene().convert("RGBA")), SIZE, shows(), tolerance=12),
    Picture("an archive's JPEG 2000", lambda: save(scene(), "JPEG2000"), SIZE, shows()),
    Picture("a bare JPEG 2000", lambda: save(scene(), "JPEG2000", no_jp2=True), SIZE, shows()),
    Picture("a gray JPEG 2000", lambda: save(gray_scene(), "JPEG2000"), SIZE, shows(GRAYS), gray=True),
    Picture(
        "a gray JPEG 2000 of 16 bits",
        lambda: save(Image.fromarray(np.asarray(gray_scene()).astype(np.uint16) * 257), "JPEG2000"),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture("a JPEG 2000 in tiles", lambda: save(scene(), "JPEG2000", tile_size=(16, 16)), SIZE, shows()),
    Picture("a HEIC of nothing", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", error="HEIC is cut off or damaged"),
    Picture(
        "a HEIC that shows a small piece of a large picture", lambda: huge_heic(SIZE), error="a small piece of a larger"
    ),
    Picture(
        "a HEIC of a camera that calls blue red",
        heic_of_a_camera_that_calls_blue_red,
        SIZE,
        shows([colour[::-1] for colour in COLOURS]),
        tolerance=12,
    ),
    Picture(
        "a HEIC with a thumbnail of a continent",
        heic_with_a_huge_thumbnail,
        (240, 160),
        {(60, 40): COLOURS[0], (180, 120): COLOURS[3]},
        tolerance=12,
    ),
    Picture("a JPEG 2000 of nothing", lambda: b"\0\0\0\x0cjP  \r\n\x87\n", error="JPEG 2000 is cut off"),
    Picture("a HEIC of 400 million pixels", huge_heic, error="400,000,000"),
    Picture("a JPEG 2000 of 10 thousand million pixels", huge_jp2, error="10,000,000,000"),
]
ARCHIVES += [
    Picture(
        f"a JPEG 2000 without samples in component {component} on axis {axis}",
        lambda c=component, a=axis: jp2_without_samples(c, a),
        error="JPEG 2000 is damaged: its header makes no sense",
    )
    for component in range(3)
    for axis in range(2)
]
