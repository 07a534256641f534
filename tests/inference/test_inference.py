"""The model and its colours: true to the standards, the same each time, for a picture of any shape."""

import functools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import color, data

from colorize_service import EMBEDDED_BUNDLE, colour, imaging
from colorize_service.colorizer import Colorizer
from colorize_service.inference import lite
from colorize_service.inference.lite import MOST_THREADS_ALIKE
from colorize_service.inference.model import Setup, load_folder
from colorize_service.options import Hint, Options
from colorize_service.process import PhotosInWork
from colorize_service.server.engines.local import LocalEngine
from colorize_service.server.metrics import Metrics
from colorize_service.server.queue import WorkQueue
from colorize_service.server.storage.folder import FolderStorage
from tests.support.service import wait_until


@functools.cache
def load():
    return load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1))


@pytest.fixture
def model():
    return load()


def test_lightness_is_that_of_the_standard():
    grays = np.arange(256, dtype=np.uint8)
    expected = color.rgb2lab(np.stack([grays] * 3, -1)[None])[0, :, 0]
    assert np.abs(colour.lightness(grays) - expected).max() < 0.02


def test_chroma_is_that_of_the_standard_for_every_colour_that_srgb_has():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    lab = color.rgb2lab(rgb).astype(np.float32)
    got = colour.chroma(lab[..., 0], np.moveaxis(lab[..., 1:], -1, 0))
    full = rgb.astype(float)
    luma = full @ [0.299, 0.587, 0.114]
    expected = np.stack([128 + (full[..., 2] - luma) / 1.772, 128 + (full[..., 0] - luma) / 1.402], -1)
    assert np.abs(got - np.clip(expected, 0, 255)).max() <= 1


def test_no_colour_is_neutral_chroma():
    lightness = np.linspace(0, 100, 256, dtype=np.float32).reshape(16, 16)
    assert (colour.chroma(lightness, np.zeros((2, 4, 4), np.float32)) == 128).all()


def test_a_hint_has_the_chroma_of_its_colour():
    rgb = np.random.default_rng(0).integers(0, 256, (200, 3), np.uint8)
    expected = color.rgb2lab(rgb[None])[0, :, 1:]
    assert np.abs([colour.ab_of(tuple(map(int, row))) for row in rgb] - expected).max() < 0.02


def test_the_colours_of_a_picture_are_those_of_the_standard():
    rgb = np.random.default_rng(0).random((64, 64, 3), np.float32)
    expected = np.moveaxis(color.rgb2lab(rgb)[..., 1:], -1, 0)
    assert np.abs(colour.ab(np.moveaxis(rgb, -1, 0)) - expected).max() < 0.02


@settings(deadline=None)  # the model is loaded in the first of them
@given(st.integers(1, 70_000), st.integers(1, 70_000))
def test_a_picture_of_any_shape_gets_a_processing_size_the_model_takes(width, height):
    model = load()
    wide, high = model.processing_size(width, height)
    assert wide % 32 == high % 32 == 0 and wide >= 32 and high >= 32
    assert wide * high <= 4 * 192 * 192
    if 1 / 20 <= width / height <= 20:
        assert 0.8 < (wide / high) / (width / height) < 1.25, "the picture is squashed"


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([(32, 32), (64, 192), (192, 256), (4608, 32)]), st.integers(0, 2**32 - 1))
def test_the_same_picture_gets_the_same_colours(shape, seed):
    luma = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    first, second = (load().chroma(luma) for _ in range(2))
    assert first.shape == (shape[0] // 4, shape[1] // 4, 2) and first.dtype == np.uint8
    assert (first == second).all()


def test_the_sky_at_dusk_is_blue_and_a_lawn_is_green(model):
    luma = (data.rocket() @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    sky = model.chroma(np.ascontiguousarray(luma[::2, ::2][:192, :320]))
    assert sky[..., 0].mean() > 130, "the sky is not blue"
    camera = Image.fromarray(data.camera())
    lawn = model.chroma(imaging.shrink(camera, model.processing_size(*camera.size)))[30:, 30:]  # as the service does it
    cb, cr = lawn.mean(axis=(0, 1)) - 128
    green = colour.GREEN_OF_CB * cb + colour.GREEN_OF_CR * cr
    others = colour.RED_OF_CR * cr, colour.BLUE_OF_CB * cb
    assert green > max(others) + 10, "the lawn is not green"


def test_photos_in_parallel_get_the_same_colours_as_one_by_one(model):
    photos = [np.random.default_rng(i).integers(0, 256, (64, 32 * (i + 1)), np.uint8) for i in range(4)]
    alone = [model.chroma(photo) for photo in photos]
    together = [None] * 4

    def work(i):
        together[i] = model.chroma(photos[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("threads", range(2, MOST_THREADS_ALIKE + 1))
@pytest.mark.parametrize("hints", [(), (Hint(0.5, 0.5, (200, 60, 50)),)])
def test_a_photo_gets_the_same_colours_alone_and_in_a_crowd(threads, hints, monkeypatch):
    monkeypatch.setattr(lite, "photos_in_work", PhotosInWork(1))
    model, options = load_folder(EMBEDDED_BUNDLE, Setup("cpu", threads)), Options(hints=hints)
    luma = np.random.default_rng(0).integers(0, 256, (192, 256), np.uint8)
    alone = model.chroma(luma, options)
    with lite.photos_in_work.one_more():
        assert (model.chroma(luma, options) == alone).all()


def test_the_engine_says_that_it_is_loading_until_it_has_loaded(tmp_path):
    engine = LocalEngine(
        EMBEDDED_BUNDLE,
        Setup("cpu", 1),
        WorkQueue(1, 1, 1),
        lambda model: Colorizer(model, max_pixels=10**6),
        FolderStorage(tmp_path),
        Metrics(),
    )
    assert "still being loaded" in engine.problem.sentence and engine.problem.retry_after > 0
    engine.start()
    engine.start()
    wait_until(lambda: engine.problem is None, 20)
    width, height = engine.describe().processing_size
    assert width == height > 0
