"""The path of a picture: the photo keeps its size and its luminance, and gets the colours that were asked for."""

import functools
import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from colorize_service import EMBEDDED_BUNDLE, colour
from colorize_service.colorizer import Colorizer
from colorize_service.imaging import ImageError, adjust
from colorize_service.imaging.chroma import WARMEST
from colorize_service.inference.model import Setup, load_folder
from colorize_service.options import Hint, Options
from colorize_service.process import PhotosInWork
from tests.conftest import encode

RED = Hint(0.5, 0.5, (200, 60, 50))
PLAIN = Options()
sides = st.integers(1, 300)


model = functools.cache(lambda: load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1)))


@functools.cache
def colorizer(**options: object) -> Colorizer:
    return Colorizer(model(), **{"max_pixels": 10**6} | options)


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """A synthetic photo, mode L: a ground that fades, things on it, and some grain."""
    rng = np.random.default_rng(seed)
    fade = np.linspace(*rng.uniform(40, 200, 2), height)[:, None] + np.zeros(width)
    image = Image.fromarray((fade + rng.normal(0, 3, (height, width))).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for x, y, radius, level in rng.uniform(0, 1, (4, 4)):
        r = 2 + radius * min(width, height) / 4
        draw.ellipse([x * width - r, y * height - r, x * width + r, y * height + r], fill=int(20 + 200 * level))
    return image


def colorized(image: Image.Image, options: Options = PLAIN, **given: object) -> bytes:
    made = colorizer(**given)
    return made.colorize(made.open(encode(image, "PNG")), options).file


def chroma_of(jpeg: bytes) -> np.ndarray:
    """Cb and Cr as the file has them, 128 neutral: (h, w, 2)."""
    image = Image.open(io.BytesIO(jpeg))
    image.draft("YCbCr", image.size)
    return np.asarray(image, int)[..., 1:]


def luma_of(jpeg: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(jpeg))
    image.draft("L", image.size)
    return np.asarray(image, int)


# --- the photo stays what it is --------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(sides, sides, st.integers(0, 1000))
def test_the_result_has_the_photos_size_and_luma(width, height, seed):
    image = photo(width, height, seed)
    luma = luma_of(colorized(image, Options(hints=(RED,)), quality=100))
    assert luma.shape == (height, width)
    assert np.abs(luma - np.asarray(image, int)).max() <= 2


def test_a_photo_alone_and_one_of_many_get_the_same_bytes(monkeypatch):
    image = photo(1200, 900)  # of more than one strip
    results = set()
    for cores in (1, 2):
        monkeypatch.setattr("colorize_service.colorizer.photos_in_work", PhotosInWork(cores))
        results.add(colorized(image, max_pixels=2 * 10**6))
    assert len(results) == 1


def test_what_the_result_tells_is_true():
    opened = colorizer().open(encode(photo(130, 70), "PNG"))
    started = time.perf_counter()
    result = colorizer().colorize(opened)
    assert result.pixels == 130 * 70
    assert 0 < result.model_seconds < time.perf_counter() - started


@settings(max_examples=5)
@given(sides, sides, st.sampled_from([PLAIN, Options(saturation=1.7, warmth=-0.4), Options(hints=(RED,))]))
def test_the_same_photo_and_options_give_the_same_bytes(width, height, options):
    image = photo(width, height)
    assert colorized(image, options) == colorized(image, options)


def test_all_cores_together_encode_what_one_core_does():
    image = photo(1000, 900)
    assert colorized(image, spread=True) == colorized(image, spread=False)


@pytest.mark.parametrize("quality", [50, 96])
def test_the_jpeg_has_the_quality_that_was_asked_for(quality):
    image = photo(64, 64)
    wanted = Image.open(io.BytesIO(encode(image.convert("RGB"), "JPEG", quality=quality))).quantization
    assert Image.open(io.BytesIO(colorized(image, quality=quality))).quantization == wanted


def test_a_photo_with_too_many_pixels_is_refused_by_its_header():
    with pytest.raises(ImageError, match="too many pixels"):
        colorizer(max_pixels=99).open(encode(photo(10, 10), "PNG"))


def test_a_photo_that_is_cut_off_is_refused():
    whole = encode(photo(200, 200), "JPEG")
    with pytest.raises(ImageError, match="cut off"):
        colorizer().colorize(colorizer().open(whole[: len(whole) // 2]))


# --- saturation ------------------------------------------------------------------------------------------------------


@settings(max_examples=5)
@given(sides, sides, st.integers(0, 1000))
def test_a_photo_without_saturation_is_gray(width, height, seed):
    assert (chroma_of(colorized(photo(width, height, seed), Options(saturation=0, hints=(RED,)))) == 128).all()


def test_more_saturation_is_more_colour():
    strengths = [
        np.abs(chroma_of(colorized(photo(200, 150), Options(saturation=saturation, hints=(RED,)))) - 128).mean()
        for saturation in (0, 0.5, 1, 2)
    ]
    gray, half, plain, double = strengths
    assert gray == 0 and half == pytest.approx(plain / 2, rel=0.1) and double > 1.1 * plain  # as far as RGB has it


# --- warmth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmth", [-1, -0.5, 0.25, 1])
def test_warmth_shifts_a_middle_gray_along_blue_and_yellow_by_as_much_as_it_says(warmth):
    gray = Image.new("L", (64, 64), int(colour.rgb(np.float32([60, 0, 0]))[0]))
    jpeg = colorized(gray, Options(saturation=0, warmth=warmth))
    shown = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    _, a, b = colour.lab(shown).mean(axis=(0, 1))
    assert b == pytest.approx(warmth * WARMEST, abs=1.5) and abs(a) < 3


@settings(max_examples=5)
@given(sides, sides, st.integers(0, 1000))
def test_a_warmer_photo_is_yellower_and_a_colder_one_bluer(width, height, seed):
    image = photo(width, height, seed)
    cold, plain, warm = (chroma_of(colorized(image, Options(warmth=warmth))).mean((0, 1)) for warmth in (-1, 0, 1))
    assert cold[0] > plain[0] + 3 and plain[0] > warm[0] + 3
    assert cold[1] < plain[1] + 0.5 and plain[1] < warm[1] + 0.5


# --- the arithmetic --------------------------------------------------------------------------------------------------

planes = arrays(np.uint8, (3, 4, 2))


@given(planes)
def test_neither_saturation_nor_warmth_changes_nothing(chroma):
    assert (adjust(chroma, 1, 0) == chroma).all()


@given(planes, st.floats(0, 2), st.floats(-1, 1))
def test_a_colour_that_does_not_fit_gets_weaker_and_keeps_its_hue(chroma, saturation, warmth):
    yellow = np.float32([0, WARMEST])[:, None, None]
    warm = colour.chroma(np.full((1, 1), 60, np.float32), yellow)[0, 0].astype(float) - 128
    wanted = (chroma.astype(float) - 128) * saturation + warmth * warm
    got = adjust(chroma, saturation, warmth).astype(float) - 128
    length = np.hypot(*np.moveaxis(wanted, 2, 0))
    beside = np.abs(wanted[..., 0] * got[..., 1] - wanted[..., 1] * got[..., 0]) / np.maximum(length, 1)
    assert beside.max() < 0.72, "the hue has turned by more than rounding does"
    assert ((wanted * got).sum(2) >= -0.72 * length).all(), "the hue is the opposite"
    fits = np.abs(wanted).max(2) <= 127
    assert np.abs(got - wanted)[fits].max(initial=0) <= 0.51
    assert (np.abs(got)[~fits].max(1) >= 127).all(), "the colour is weaker than it has to be"
