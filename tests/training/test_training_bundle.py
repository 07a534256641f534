"""The embedded model itself, as ONNX Runtime runs it."""

from pathlib import Path

import numpy as np
import pytest

from training.colorizer import Colorizer, hint_planes, processing_size

BUNDLE = Path(__file__).parents[2] / "colorize_service" / "models" / "colorizenet-lite"


@pytest.fixture(scope="module")
def model():
    return Colorizer(BUNDLE)


@pytest.fixture
def luminance():
    """A bright disc on a ground that fades from dark to light: float32 (1, 1, 192, 256)."""
    y, x = np.mgrid[:192, :256]
    ground = 20 + 40 * y / 192
    return np.where((y - 96) ** 2 + (x - 128) ** 2 < 50**2, 75, ground).astype(np.float32)[None, None]


def test_it_is_small(model):
    assert sum(file.stat().st_size for file in BUNDLE.iterdir()) <= 15e6


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 32), (1, 32, 640), (2, 96, 160)])
def test_any_multiple_of_32(model, shape):
    n, height, width = shape
    ab = model.predict(np.full((n, 1, height, width), 60, np.float32))
    assert ab.shape == (n, 2, height // 4, width // 4) and ab.dtype == np.float32
    assert np.isfinite(ab).all() and np.abs(ab).max() <= 128


@pytest.mark.parametrize("level", [0, 100])
def test_black_and_white_give_finite_chroma(model, level):
    assert np.isfinite(model.predict(np.full((1, 1, 64, 64), level, np.float32))).all()


def test_the_same_picture_gives_the_same_result(model, luminance):
    assert np.array_equal(model.predict(luminance), model.predict(luminance))


def test_pictures_of_a_batch_do_not_mix(model, luminance):
    other = luminance[..., ::-1].copy()
    hints = np.concatenate([np.zeros((1, 3, 192, 256), np.float32), hint_planes([(0.5, 0.5, 60, 30)], 256, 192)])
    both = model.predict(np.concatenate([luminance, other]), hints)
    assert np.abs(both[:1] - model.predict(luminance)).max() < 0.1


@pytest.mark.parametrize("hue", [20, 100, 160, 280])
def test_the_area_around_a_hint_takes_its_hue(model, luminance, hue):
    angle = np.deg2rad(hue)
    hint = 40 * np.cos(angle), 40 * np.sin(angle)
    ab = model.predict(luminance, hint_planes([(0.5, 0.5, *hint)], 256, 192))[0]
    around = ab[:, 22:27, 30:35].mean(axis=(1, 2))
    turn = np.rad2deg(np.arctan2(around[1], around[0])) - hue
    assert abs((turn + 180) % 360 - 180) < 25
    assert np.hypot(*around) > 20
    # The rest of the disc follows: it moves towards the hint by more than the ground does.
    moved = ab - model.predict(luminance)[0]
    towards = moved[0] * np.cos(angle) + moved[1] * np.sin(angle)
    assert towards[20:28, 22:42].mean() > towards[:6].mean() + 5


def test_a_mask_of_zero_hides_the_colour(model, luminance):
    hidden = hint_planes([(0.5, 0.5, 60, 30)], 256, 192)
    hidden[:, 2] = 0
    assert np.array_equal(model.predict(luminance, hidden), model.predict(luminance))


@pytest.mark.parametrize(
    ("size", "seen"),
    [((400, 300), (256, 192)), ((300, 400), (192, 256)), ((16, 16), (192, 192)), ((4000, 100), (1280, 32))],
)
def test_processing_size_keeps_the_shape(size, seen):
    assert processing_size(*size, 192) == seen
