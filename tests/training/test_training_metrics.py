"""The figures of the evaluation."""

import math

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training import metrics


@pytest.fixture
def picture():
    return np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def test_equal_pictures(picture):
    assert math.isinf(metrics.psnr(picture, picture))
    assert metrics.ssim(picture, picture) == pytest.approx(1.0, abs=1e-5)


def test_psnr_of_a_constant_error():
    black = np.zeros((8, 8, 3), np.uint8)
    assert metrics.psnr(black + np.uint8(10), black) == pytest.approx(20 * math.log10(25.5))


def test_ssim_falls_with_noise(picture):
    noise = np.random.default_rng(6).integers(0, 40, picture.shape)
    noisy = np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)
    noisier = np.clip(picture.astype(int) + 3 * noise, 0, 255).astype(np.uint8)
    assert 1 > metrics.ssim(noisy, picture) > metrics.ssim(noisier, picture) > 0


def test_chroma_figures():
    ab = np.zeros((2, 4, 4), np.float32)
    ab[0], ab[1] = 3, 4
    assert metrics.mean_chroma(ab) == pytest.approx(5)
    assert metrics.chroma_error(ab, np.zeros_like(ab)) == pytest.approx(5)


def test_colourfulness(picture):
    gray = np.repeat(picture[..., :1], 3, axis=2)
    assert metrics.colourfulness(gray) == 0
    # One even colour has no spread, only a mean: 0.3 * sqrt(rg^2 + yb^2).
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert metrics.colourfulness(red) == pytest.approx(0.3 * math.hypot(200, 100))
    assert metrics.colourfulness(picture) > 80


def lab_of(labels):
    """A picture whose lightness says where its surfaces are: float32 (H, W, 3) for int (H, W)."""
    lab = np.zeros((*labels.shape, 3), np.float32)
    lab[..., 0] = 20 * labels
    return lab


def test_surfaces_are_told_apart_by_tone_and_by_colour():
    lab = lab_of(np.repeat([[1, 1, 2, 2]], 16, axis=0).repeat(8, axis=1))
    lab[8:, :16, 1] = 30
    found = metrics.segments(lab)
    assert len(np.unique(found)) == 3
    corners = found[0, 0], found[15, 0], found[0, 31]
    assert len(set(corners)) == 3 and 0 not in corners
    assert np.all(found[:8, :16] == corners[0]) and np.all(found[8:, :16] == corners[1])


def test_what_fades_softly_is_one_surface():
    lab = lab_of(np.zeros((32, 32)))
    lab[..., 0] = np.linspace(0, 80, 32)[:, None]
    assert np.all(metrics.segments(lab) == 1)


def test_specks_are_no_surface():
    labels = np.ones((32, 32))
    labels[10:14, 10:15] = 3
    found = metrics.segments(lab_of(labels))
    assert np.array_equal(found > 0, labels == 1)


def test_a_surface_may_wind():
    labels = np.full((41, 41), 1)
    labels[1::2] = 3
    labels[1::4, -1] = labels[3::4, 0] = 1
    found = metrics.segments(lab_of(labels))
    assert set(found[labels == 1]) == {1}


def test_connected_sets_are_those_of_scipy():
    rng = np.random.default_rng(8)
    for count, edges in ((50, 20), (400, 380), (1000, 3000)):
        pairs = rng.integers(0, count, (2, edges))
        roots = metrics._connected(pairs, count)
        _, labels = connected_components(coo_array((np.ones(edges), tuple(pairs)), (count, count)), directed=False)
        assert np.array_equal(roots[:, None] == roots, labels[:, None] == labels)
        assert np.all(roots <= np.arange(count))


def test_variation_is_that_within_surfaces_and_not_between_them():
    labels = np.repeat([[1, 2, 2, 0]], 8, axis=0).repeat(4, axis=1)
    ab = np.zeros((2, 8, 16))
    ab[0, labels == 2] = 50
    ab[1, labels == 0] = np.arange(32)
    assert metrics.variation_within(ab, labels) == 0
    ab[1, ::2, :4], ab[1, 1::2, :4] = 3, -3
    # 3 on a third of what lies on surfaces.
    assert metrics.variation_within(ab, labels) == pytest.approx(1)
    assert metrics.variation_within(ab, np.zeros_like(labels)) == 0
