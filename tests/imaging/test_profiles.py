"""Photos of 8 bits with a colour profile look as the profile means them, next to the exact formula."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from colorize_service.imaging import open_photo
from colorize_service.imaging.profiles import to_srgb
from tests.support import profiles
from tests.support.profiles import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, parametric, power, raised, table

SRGB_FORMULA = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ROMM_FORMULA = parametric(3, 1.8, 1, 0, 1 / 16, 1 / 32)

# The curve in the profile, and the light that it means.
GRAY = {
    "linear, no numbers": (b"curv" + bytes(8), raised(1)),
    "linear, one number": (power(1), raised(1)),
    "linear, formula": (parametric(0, 1), raised(1)),
    "linear, table": (table(raised(1)), raised(1)),
    "linear, two points": (table(raised(1), 2), raised(1)),
    "1.8, one number": (power(1.8), raised(461 / 256)),
    "1.8, formula": (parametric(0, 1.8), raised(1.8)),
    "1.8, table": (table(raised(1.8)), raised(1.8)),
    "2.2, one number": (power(2.2), raised(563 / 256)),
    "2.2, table": (table(raised(2.2)), raised(2.2)),
    "0.5, table": (table(raised(0.5), 4096), raised(0.5)),
    "sRGB, formula": (SRGB_FORMULA, profiles.srgb_curve),
    "lightness": (parametric(3, 3, 1 / 1.16, 0.16 / 1.16, 2700 / 24389, 0.08), profiles.lightness),
    "dot gain 20 %": (table(profiles.dot_gain_20, 256), profiles.dot_gain_20),
}


def png(pixels: np.ndarray, icc: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", icc_profile=icc)
    return buffer.getvalue()


@pytest.mark.parametrize("name", GRAY)
@pytest.mark.parametrize("of", ["gray", "colours"])
def test_a_gray_photo_with_a_profile_keeps_the_darkness_of_its_shadows(of, name):
    """LittleCMS on its own shortens such curves to a few points, and dark levels come out wrong by ten."""
    curve, light = GRAY[name]
    profile = profiles.gray(curve) if of == "gray" else profiles.rgb(SRGB, curve)
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    wanted = 255 * profiles.encoded(light(every / 255))
    assert np.abs(open_photo(png(every, profile), max_pixels=10_000).luma() - wanted).max() < 1


# The matrix, the curve in the profile, and the light that it means.
RGB = {
    "sRGB": (SRGB, table(profiles.srgb_curve), profiles.srgb_curve),
    "linear sRGB": (SRGB, power(1), raised(1)),
    "linear sRGB, table": (SRGB, table(raised(1)), raised(1)),
    "Adobe RGB": (ADOBE_RGB, power(563 / 256), raised(563 / 256)),
    "Display P3": (DISPLAY_P3, SRGB_FORMULA, profiles.srgb_curve),
    "ProPhoto": (PROPHOTO, power(1.8), raised(461 / 256)),
    "ProPhoto, formula": (PROPHOTO, ROMM_FORMULA, lambda x: np.where(x < 1 / 32, x / 16, x**1.8)),
    "linear ProPhoto": (PROPHOTO, power(1), raised(1)),
}


@pytest.mark.parametrize("name", RGB)
def test_a_colour_photo_with_a_profile_is_as_bright_as_its_author_saw_it(name):
    matrix, curve, light = RGB[name]
    steps = [0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 240, 255]
    colours = np.array(list(itertools.product(steps, repeat=3)), np.uint8)[None]
    to_srgb_light = np.linalg.solve(SRGB, matrix)
    srgb = 255 * profiles.encoded(light(colours / 255) @ to_srgb_light.T)
    photo = open_photo(png(colours, profiles.rgb(matrix, curve)), max_pixels=10_000)
    assert np.abs(photo.luma() - srgb @ [0.299, 0.587, 0.114]).max() < 2


@pytest.mark.parametrize("profile", [profiles.gray(SRGB_FORMULA), profiles.rgb(SRGB, table(profiles.srgb_curve))])
def test_a_photo_that_is_srgb_already_waits_for_no_conversion(profile):
    assert to_srgb(profile, "L") is None
    if b"RGB " in profile[:20]:
        assert to_srgb(profile, "RGB") is None
