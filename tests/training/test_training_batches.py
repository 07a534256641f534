"""What the model is trained on: crops, degraded luminance, hints."""

import io

import numpy as np
import pytest
from PIL import Image

from training.batches import make_batch, make_example
from training.degrade import border, degrade
from training.photos import CropSampler, Photo
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


def test_degraded_luminance_stays_in_range_and_shape(rng):
    plane = rng.uniform(0, 100, (96, 128)).astype(np.float32)
    for _ in range(60):
        worn, frame = degrade(plane, rng, old_share=1.0)
        assert worn.shape == plane.shape and worn.dtype == np.float32
        assert worn.min() >= 0 and worn.max() <= 100
        assert frame is None or frame.shape == plane.shape


def test_border_has_one_tone(rng):
    plane = rng.uniform(20, 80, (100, 100)).astype(np.float32)
    framed, frame = border(plane, rng)
    assert len(np.unique(framed[frame])) <= 1
    assert np.array_equal(framed[~frame], plane[~frame])


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
