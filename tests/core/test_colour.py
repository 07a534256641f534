"""Colour conversions: true to the standards."""

import numpy as np
import pytest

from colorize_service import colour


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
    assert colour.lab(np.array(rgb, np.uint8)) == pytest.approx(np.array(lab), abs=0.1)


def test_round_trip_is_exact():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(colour.rgb(colour.lab(rgb)), rgb)


def test_the_chroma_of_a_jpeg_stands_for_the_colours_that_jfif_says():
    assert pytest.approx((1.402, 1.772)) == (colour.RED_OF_CR, colour.BLUE_OF_CB)
    assert pytest.approx((-0.344136, -0.714136), abs=1e-6) == (colour.GREEN_OF_CB, colour.GREEN_OF_CR)


def test_luminance_is_what_the_lightness_of_a_colour_is_made_of():
    rgb = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    luminance = colour.linear(rgb) @ np.array(colour.LUMINANCE, np.float32)
    assert colour.lightness_of_linear(luminance) == pytest.approx(colour.lab(rgb)[:, 0], abs=1e-3)
