"""Results in PNG and TIFF: the photo's luminance to the last level, read back by readers of other makers."""

import io
import re
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorize_service.imaging import ImageError, add_chroma, results, shrink
from colorize_service.imaging.results import Planes, webp
from tests.support.results import decoded, flat_chroma, luma_shown, photo_of, wild_chroma

pytestmark = pytest.mark.slow  # many files, and other programs that read them

FORMS = ["png", "tiff"]
DEPTHS = [np.uint8, np.uint16]


def luma_of(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(float) @ [0.299, 0.587, 0.114]


def planes(gray: np.ndarray, chroma: np.ndarray) -> Planes:
    eight = gray if gray.dtype == np.uint8 else (gray >> 8).astype(np.uint8)
    return Planes(gray, chroma, shrink(eight, (96, 64)))


def made(gray: np.ndarray, chroma: np.ndarray, form: str, run=map) -> bytes:
    return results.write(planes(gray, chroma), form, 90, None, run)


def read(content: bytes) -> np.ndarray:
    """The file as readers of other makers have it."""
    if content[:4] == b"\x89PNG":
        return imagecodecs.png_decode(content)
    return tifffile.imread(io.BytesIO(content))


def deep(name: str, size: tuple[int, int]) -> np.ndarray:
    """A photo of 16 bits with grain in the lower ones."""
    gray = np.asarray(photo_of(name, size)).astype(np.int64) * 257
    return (gray + np.random.default_rng(1).integers(-300, 300, gray.shape)).clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", ["camera", "page", "astronaut"])
def test_the_luminance_is_the_photos_under_any_colours(name, depth, form):
    gray = np.asarray(photo_of(name, (640, 500))) if depth == np.uint8 else deep(name, (640, 500))
    result = read(made(gray, wild_chroma(len(name)), form))
    assert result.dtype == depth and result.shape == (500, 640, 3)
    assert np.abs(luma_of(result) - gray).max() <= 0.51


@settings(max_examples=30)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(FORMS), st.sampled_from(DEPTHS), st.integers(0, 999))
def test_results_of_any_size_keep_their_luminance(width, height, form, depth, seed):
    rng = np.random.default_rng(seed)
    gray = rng.integers(0, np.iinfo(depth).max, (height, width), depth, endpoint=True)
    result = read(made(gray, rng.integers(0, 256, (5, 7, 2), np.uint8), form))
    assert result.shape == (height, width, 3) and np.abs(luma_of(result) - gray).max() <= 0.51


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("level", [0, 3, 128, 250, 255])
@pytest.mark.parametrize(("cb", "cr"), [(0, 0), (255, 255), (255, 0), (128, 255)])
def test_a_colour_that_rgb_does_not_have_gets_weaker_at_the_same_hue(form, level, cb, cr):
    rgb = read(made(np.full((16, 16), level, np.uint8), flat_chroma(cb, cr), form))[8, 8].astype(float)
    assert luma_of(rgb) == pytest.approx(level, abs=0.51)
    blue, red = (rgb[2] - level) / 1.772, (rgb[0] - level) / 1.402
    assert blue * (cr - 128) == pytest.approx(red * (cb - 128), abs=130), "the hue has turned"
    assert rgb.max() >= 254 or rgb.min() <= 1, "the colour is weaker than it has to be"


@pytest.mark.parametrize("name", ["camera", "coffee"])
def test_the_colours_are_those_of_the_jpeg(name):
    photo = photo_of(name, mode="RGB")
    gray, *chroma = photo.convert("YCbCr").split()
    chroma = np.stack([np.asarray(plane.resize((128, 128))) for plane in chroma], axis=2)
    if name == "camera":
        chroma = 64 + wild_chroma(2) // 2
    ours, jpeg = read(made(np.asarray(gray), chroma, "png")), decoded(add_chroma(gray, chroma, 95))
    assert 10 * np.log10(255**2 / np.mean((ours - jpeg) ** 2.0)) > 32


@pytest.mark.parametrize("form", FORMS)
def test_strips_have_no_seams_and_any_number_of_cores_makes_the_same_file(form, monkeypatch):
    gray, chroma = np.asarray(photo_of("astronaut", (900, 700))), wild_chroma(1)
    with ThreadPoolExecutor(3) as pool:
        assert made(gray, chroma, form, pool.map) == made(gray, chroma, form)
    one = read(made(gray, chroma, form))
    monkeypatch.setattr("colorize_service.imaging.results.strips.STRIP", 7 * 900)
    assert np.abs(read(made(gray, chroma, form)).astype(int) - one).max() <= 1, "there are seams"


@pytest.mark.parametrize("depth", DEPTHS)
def test_everyday_readers_show_the_same(depth):
    gray = np.asarray(photo_of("chelsea")) if depth == np.uint8 else deep("chelsea", (451, 300))
    files = [made(gray, wild_chroma(3), form) for form in FORMS]
    png, tiff = map(read, files)
    assert (png == tiff).all()
    for content in files:  # Pillow has 16 bits of colour as 8
        shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert np.abs(shown.astype(int) - (png >> (8 * png.itemsize - 8))).max() <= 1


def test_a_png_and_a_tiff_are_not_larger_than_those_of_other_programs():
    gray = np.asarray(photo_of("coffee"))
    for form, options in {"png": {}, "tiff": {"compression": "tiff_adobe_deflate"}}.items():
        content, buffer = made(gray, flat_chroma(110, 150), form), io.BytesIO()
        Image.fromarray(read(content)).save(buffer, form.upper(), **options)
        assert len(content) < 1.1 * len(buffer.getvalue())


def test_a_webp_has_the_quality_that_was_asked_for_and_the_photos_luminance():
    gray, chroma = np.asarray(photo_of("chelsea")), flat_chroma(110, 150)
    small, large = (results.write(planes(gray, chroma), "webp", quality, None, map) for quality in (40, 95))
    assert small[:4] == b"RIFF" and len(small) < len(large) / 2
    assert np.abs(luma_shown(large) - gray).mean() < 2


def test_a_picture_that_is_too_large_for_webp_gets_a_sentence():
    wide = np.zeros((1, webp.MAX_SIDE + 1), np.uint8)
    with pytest.raises(ImageError, match=re.escape("at most 16,383 pixels")):
        results.write(Planes(wide, flat_chroma(128, 128), wide[:, :64]), "webp", 90, None, map)


# --- a layer of colours ----------------------------------------------------------------------------------------------


def lum(colour: np.ndarray) -> np.ndarray:
    return colour @ np.array([0.3, 0.59, 0.11])


def blended(source: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """The blend mode "color" of W3C's Compositing and Blending Level 1, 10.2: all 0 to 1, (h, w, 3)."""
    colour = source + (lum(backdrop) - lum(source))[..., None]
    middle, low, high = lum(colour)[..., None], colour.min(-1, keepdims=True), colour.max(-1, keepdims=True)
    with np.errstate(all="ignore"):
        colour = np.where(low < 0, middle + (colour - middle) * middle / (middle - low), colour)
        return np.where(high > 1, middle + (colour - middle) * (1 - middle) / (high - middle), colour)


@pytest.mark.parametrize("name", ["camera", "page", "astronaut", "coffee"])
def test_the_layer_over_the_gray_photo_is_the_result(name):
    gray, chroma = np.asarray(photo_of(name, (320, 240))), wild_chroma(len(name))
    layer, result = (read(made(gray, chroma, form)).astype(float) for form in ("layer", "png"))
    backdrop = np.repeat(gray[..., None], 3, axis=2) / 255
    alpha = layer[..., 3:] / 255
    shown = 255 * (alpha * blended(layer[..., :3] / 255, backdrop) + (1 - alpha) * backdrop)
    assert np.abs(np.rint(shown) - result).max() <= 2


def test_the_layer_has_nothing_of_the_photo_but_its_colours():
    gray = np.asarray(photo_of("camera", (320, 240)))
    layer = read(made(gray, flat_chroma(128, 128), "layer"))
    assert layer.shape == (240, 320, 4) and not layer[..., 3].any()
    layer = read(made(np.clip(gray, 60, 190), flat_chroma(118, 138), "layer"))
    assert layer[..., :3].std(axis=(0, 1)).max() < 1 and (layer[..., 3] == 255).all()
