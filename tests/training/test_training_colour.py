"""Colour conversion and the quantised chroma plane."""

import numpy as np
import pytest

from training.colour import gamut_bins, lab_to_rgb, rgb_to_lab, soft_encode


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_known_colours(rgb, lab):
    assert rgb_to_lab(np.array(rgb, np.uint8)) == pytest.approx(np.array(lab), abs=0.1)


def test_round_trip_is_exact():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(lab_to_rgb(rgb_to_lab(rgb)), rgb)


def test_bins_cover_every_colour():
    bins = gamut_bins()
    assert bins.shape == (259, 2)
    rgb = np.random.default_rng(1).integers(0, 256, (2000, 3), dtype=np.uint8)
    nearest = np.linalg.norm(rgb_to_lab(rgb)[:, None, 1:] - bins, axis=2).min(axis=1)
    assert nearest.max() < 10


def test_soft_encoding_keeps_the_colour():
    bins = gamut_bins()
    ab = np.array([[3.0, -4.0], [20.0, 20.0], [-31.0, 12.5]])
    indices, weights = soft_encode(ab, bins)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert np.all(weights[:, 0] >= weights[:, 1])
    assert (bins[indices] * weights[..., None]).sum(axis=1) == pytest.approx(ab, abs=3.0)
