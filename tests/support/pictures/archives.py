"""What phones and archives have: HEIC and JPEG 2000."""

import io
import struct

import numpy as np
import pillow_heif
from PIL import Image

from tests.support.pictures.ends import heic
from tests.support.pictures.files import (
    COLOURS,
    GRAYS,
    SIZE,
    Picture,
    exif,
    gray_scene,
    rgb_profile,
    save,
    scene,
    shows,
)


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


ARCHIVES = [
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
