"""The embedded model itself, as ONNX Runtime runs it."""

import numpy as np
import onnxruntime
import pytest

from colorize_service import EMBEDDED_BUNDLE, colour
from colorize_service.bundle import Bundle
from colorize_service.inference.hint_planes import hint_planes
from colorize_service.inference.lite import Processing
from colorize_service.options import Hint

STRONG = Hint(0.5, 0.5, (200, 90, 60))


class Graph:
    """The bundle's graph: float32 luminance (n, 1, h, w) and hints (n, 3, h, w) in, ab (n, 2, h/4, w/4) out."""

    def __init__(self):
        path = Bundle(EMBEDDED_BUNDLE).path("model")
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def predict(self, luminance, hints=None):
        n, _, height, width = luminance.shape
        hints = np.zeros((n, 3, height, width), np.float32) if hints is None else hints
        return self._session.run(["ab"], {"luminance": luminance, "hints": hints})[0]


@pytest.fixture(scope="module")
def model():
    return Graph()


@pytest.fixture
def luminance():
    """A bright disc on a ground that fades from dark to light: float32 (1, 1, 192, 256)."""
    y, x = np.mgrid[:192, :256]
    ground = 20 + 40 * y / 192
    return np.where((y - 96) ** 2 + (x - 128) ** 2 < 50**2, 75, ground).astype(np.float32)[None, None]


def test_it_is_small(model):
    assert sum(file.stat().st_size for file in EMBEDDED_BUNDLE.iterdir()) <= 15e6


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
    hints = np.stack([np.zeros((3, 192, 256), np.float32), hint_planes([STRONG], 192, 256)])
    both = model.predict(np.concatenate([luminance, other]), hints)
    assert np.abs(both[:1] - model.predict(luminance)).max() < 0.1


@pytest.mark.parametrize("hue", [20, 100, 160, 280])
def test_the_area_around_a_hint_takes_its_hue(model, luminance, hue):
    angle = np.deg2rad(hue)
    rgb = colour.rgb(np.array([60, 40 * np.cos(angle), 40 * np.sin(angle)], np.float32))
    ab = model.predict(luminance, hint_planes([Hint(0.5, 0.5, tuple(map(int, rgb)))], 192, 256)[None])[0]
    around = ab[:, 22:27, 30:35].mean(axis=(1, 2))
    turn = np.rad2deg(np.arctan2(around[1], around[0])) - hue
    assert abs((turn + 180) % 360 - 180) < 25
    assert np.hypot(*around) > 20
    # The rest of the disc follows: it moves towards the hint by more than the ground does, or had its hue before.
    towards = ab[0] * np.cos(angle) + ab[1] * np.sin(angle)
    before = model.predict(luminance)[0]
    moved = towards - before[0] * np.cos(angle) - before[1] * np.sin(angle)
    assert max(each[20:28, 22:42].mean() - each[:6].mean() for each in (moved, towards)) > 15


def test_a_mask_of_zero_hides_the_colour(model, luminance):
    hidden = hint_planes([STRONG], 192, 256)[None]
    hidden[:, 2] = 0
    assert np.array_equal(model.predict(luminance, hidden), model.predict(luminance))


@pytest.mark.parametrize(
    ("size", "seen"),
    [((400, 300), (256, 192)), ((300, 400), (192, 256)), ((16, 16), (192, 192)), ((4000, 100), (1280, 32))],
)
def test_processing_size_keeps_the_shape(size, seen):
    assert Processing(192, 32, 384 * 384).size(*size) == seen
