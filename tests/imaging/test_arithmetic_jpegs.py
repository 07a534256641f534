"""JPEGs in arithmetic code, of which a decoder reads what is missing as zeros, without a warning."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from colorize_service.imaging import ImageError, open_photo
from tests.support import needs
from tests.support.pictures.ends import rich
from tests.support.pictures.files import save
from tests.support.results import photo_of

KINDS = {"sequential": (), "progressive": ("-progressive",), "of intervals": ("-restart", "4B")}


def arithmetic(image: Image.Image, *options: str) -> bytes:
    """libjpeg-turbo's own program; Pillow writes no such files."""
    cjpeg = needs.program("cjpeg", package="libjpeg-turbo-progs")
    run = subprocess.run([cjpeg, "-arithmetic", *options], input=save(image, "PPM"), capture_output=True, check=True)
    return run.stdout


def shown(data: bytes) -> np.ndarray:
    photo = open_photo(data, max_pixels=1_000_000)
    photo.jpeg(90)
    return photo.luma()


def assert_refused(data: bytes) -> None:
    for use, arguments in (("luma", ()), ("jpeg", (90,))):
        with pytest.raises(ImageError, match=r"cut off|damaged"):
            getattr(open_photo(data, max_pixels=1_000_000), use)(*arguments)


def flat_below() -> Image.Image:
    """The code of the lower half is hardly more than the zeros that an encoder saves."""
    pixels = np.asarray(rich()).copy()
    pixels[60:] = 255
    return Image.fromarray(pixels)


PICTURES = {
    "noise": rich,
    "a photo": lambda: photo_of("coins", (300, 200)),
    "gray": lambda: rich().convert("L"),
    "flat below": flat_below,
    "flat": lambda: Image.new("RGB", (1000, 900), (9, 99, 200)),
    "two halves": lambda: Image.fromarray(np.repeat(np.uint8([0, 255]), 100 * 333).reshape(200, 333)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PICTURES)
def test_a_whole_one_is_read_with_its_end_or_without(name, kind):
    image = PICTURES[name]()
    data = arithmetic(image, "-quality", "95", *KINDS[kind])
    luma = shown(data)
    assert abs(luma.astype(int) - np.asarray(image.convert("L"))).mean() < 3
    for end in (b"", bytes(700) + b"\xff\xd9", b"\xff\xd9" + b"junk" * 500):
        assert np.array_equal(shown(data[:-2] + end), luma)


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["noise", "a photo", "gray", "flat below"])
def test_a_part_of_the_pixels_that_is_missing_is_not(name, kind, end):
    data = arithmetic(PICTURES[name](), *KINDS[kind])
    start = data.rindex(b"\xff\xda") + 14
    for part in (0.05, 0.3, 0.6, 0.9):
        assert_refused(data[: int(start + (len(data) - start) * part)] + end)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_in_the_pixels_is_not(kind):
    data = arithmetic(rich(), *KINDS[kind])
    start = data.rindex(b"\xff\xda") + 14
    for part in (0.2, 0.5, 0.8):
        hole = int(start + (len(data) - start - 400) * part)
        assert_refused(data[:hole] + bytes(300) + data[hole + 300 :])


def test_a_magazine_page_is_read_whole_and_not_else():
    jpegtran = needs.program("jpegtran", package="libjpeg-turbo-progs")
    plain = save(rich().convert("CMYK"), "JPEG")
    data = subprocess.run([jpegtran, "-arithmetic"], input=plain, capture_output=True, check=True).stdout
    assert np.array_equal(shown(data), shown(plain))
    assert_refused(data[: len(data) // 2])
