"""The figures of the evaluation."""

import math

import numpy as np
import pytest

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
