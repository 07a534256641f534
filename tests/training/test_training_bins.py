"""The quantised chroma plane."""

import numpy as np
import pytest

from colorize_service import colour
from training.bins import gamut_bins, soft_encode


def test_bins_cover_every_colour():
    bins = gamut_bins()
    assert bins.shape == (259, 2)
    rgb = np.random.default_rng(1).integers(0, 256, (2000, 3), dtype=np.uint8)
    nearest = np.linalg.norm(colour.lab(rgb)[:, None, 1:] - bins, axis=2).min(axis=1)
    assert nearest.max() < 10


def test_soft_encoding_keeps_the_colour():
    bins = gamut_bins()
    ab = np.array([[3.0, -4.0], [20.0, 20.0], [-31.0, 12.5]])
    indices, weights = soft_encode(ab, bins)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert np.all(weights[:, 0] >= weights[:, 1])
    assert (bins[indices] * weights[..., None]).sum(axis=1) == pytest.approx(ab, abs=3.0)
