"""What the model is trained on: crops, their luminance, hints."""

import io

import numpy as np
import pytest
from PIL import Image

from training.batches import make_batch, make_example
from training.photos import SPLITS, CropSampler, Photo, read_photos, training_tars, validation_photos
from training.simulated_hints import choose_patches, paint_hints, recolour


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def png(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def photo(rng):
    return rng.integers(0, 256, (160, 213, 3), dtype=np.uint8)


def test_hints_have_the_mean_colour_of_their_patch(rng):
    ab = rng.normal(0, 30, (2, 64, 96)).astype(np.float32)
    (patch,) = choose_patches(64, 96, rng, 1)
    hints = paint_hints(ab, [patch])
    assert hints[2].sum() == hints[2][patch].size > 0
    for channel in range(2):
        assert np.allclose(hints[channel][patch], ab[channel][patch].mean(), atol=1e-4)
    assert not hints[:, hints[2] == 0].any()


def test_recolouring_moves_one_connected_surface(rng):
    luminance = np.full((32, 96), 50.0, np.float32)
    ab = np.zeros((2, 32, 96), np.float32)
    ab[0, :, 32:64] = 60.0
    changed = recolour(luminance, ab, (slice(4, 8), slice(4, 8)), rng)
    moved = np.hypot(*(changed - ab))
    assert moved[:, :32].min() > 5
    # Neither another colour nor the same colour beyond it.
    assert moved[:, 32:].max() < 0.5


def test_example_pairs_luminance_with_a_quarter_of_chroma(photo, rng):
    luminance, hints, ab = make_example(photo[:128, :160], rng)
    assert luminance.shape == (1, 128, 160) and hints.shape == (3, 128, 160) and ab.shape == (2, 32, 40)
    assert luminance.dtype == hints.dtype == ab.dtype == np.float32


def test_most_examples_have_no_hints(photo, rng):
    without = sum(not make_example(photo[:32, :32], rng)[1].any() for _ in range(300))
    assert 150 < without < 220


def test_rare_sources_are_seen(photo, rng):
    photos = [Photo(f"many-{i}.jpg", "many", png(np.zeros_like(photo))) for i in range(99)]
    sampler = CropSampler([*photos, Photo("few-0.jpg", "few", png(np.full_like(photo, 255)))], seed=0)
    bright = sum(sampler.crop(32, 32).max() > 0 for _ in range(500))
    # By count it would be 1 %; by the square root of the count it is 9 %.
    assert 20 < bright < 80


def test_batch_shapes_are_multiples_of_32(photo, rng):
    batch = make_batch(CropSampler([Photo("a-0.jpg", "a", png(photo))], seed=0), rng)
    n, _, height, width = batch.luminance.shape
    assert height % 32 == width % 32 == 0
    assert batch.hints.shape == (n, 3, height, width)
    assert batch.ab.shape == (n, 2, height // 4, width // 4)


def test_some_crops_come_close():
    # Each pixel says in which row it stands.
    rows = np.repeat(np.repeat(np.arange(160, dtype=np.uint8)[:, None], 160, axis=1)[..., None], 3, axis=2)
    sampler = CropSampler([Photo("a-0.png", "a", png(rows))], seed=0)
    heights = np.array([np.ptp(sampler.crop(64, 64).astype(int)) / 160 for _ in range(300)])
    assert heights.min() > 0.25 and heights.max() > 0.9
    # 15 % are 30 to 55 % as high as the photo.
    assert 20 < np.sum(heights < 0.53) < 80


def test_settings_are_chosen_on_photos_that_are_not_reported(photos):
    for split, count in (("val", 4), ("val-diverse", 3)):
        parts = [
            [photo.name for photo in validation_photos(photos, split, part)] for part in ("choose", "report", "all")
        ]
        choose, report, everything = parts
        assert not set(choose) & set(report)
        assert sorted(choose + report) == sorted(everything) and len(everything) == count
        assert choose == everything[::3]


def test_nothing_is_trained_on_that_is_measured_on(photos):
    trained_on = {photo.data for photo in read_photos(training_tars(photos))}
    measured = {photo.data for split in SPLITS for photo in validation_photos(photos, split)}
    assert len(trained_on) == 4 and not trained_on & measured


def test_a_source_can_be_left_out(photos):
    assert {photo.source for photo in read_photos(training_tars(photos), exclude=["wood"])} == {"sea"}
