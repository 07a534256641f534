"""Of what a model thinks of all colours, a user is shown a few that he can tell apart, none likelier than it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorize_service import EMBEDDED_BUNDLE, colour
from colorize_service.inference.model import NothingSuggested, Setup, check_suggests, load_folder
from colorize_service.likely import LEAST_SHARE, MOST_COLOURS, likely_colours
from tests.support.sepia import Sepia

BINS = np.array([(a, b) for a in range(-60, 70, 10) for b in range(-60, 70, 10)], np.float32)


def chances(**at: float) -> np.ndarray:
    """Of all bins: those named ``a_b``, with ``m`` for minus."""
    found = np.zeros(len(BINS), np.float32)
    for name, chance in at.items():
        a, b = (float(part.replace("m", "-")) for part in name.removeprefix("at").split("_"))
        found[((a, b) == BINS).all(axis=1)] = chance
    return found


def ab(rgb: tuple[int, int, int]) -> np.ndarray:
    return colour.lab(np.array(rgb, np.uint8))[1:]


def test_two_colours_that_a_surface_may_have_are_both_shown_and_not_their_mean():
    found = likely_colours(130, BINS, chances(at40_20=0.6, at10_m40=0.4))
    assert [each.share for each in found] == pytest.approx([0.6, 0.4], abs=0.0011)
    red, blue = (ab(each.rgb) for each in found)
    assert np.linalg.norm(red - (40, 20)) < 6 and np.linalg.norm(blue - (10, -40)) < 6


def test_colours_that_look_alike_are_one_with_the_chances_of_all():
    (only,) = likely_colours(130, BINS, chances(at40_20=0.4, at40_30=0.3, at50_20=0.3))
    assert only.share > 0.99
    assert np.linalg.norm(ab(only.rgb) - (43, 23)) < 7


def test_many_that_look_alike_are_likelier_than_the_one_that_is_likeliest_alone():
    found = likely_colours(130, BINS, chances(at0_0=0.3, atm30_30=0.25, atm40_30=0.25, atm30_40=0.2))
    assert ab(found[0].rgb)[0] < -25 and found[0].share == pytest.approx(0.7, abs=0.0011)


def test_what_is_hardly_likely_is_left_out():
    found = likely_colours(130, BINS, chances(at0_0=0.97, at50_0=0.03 - 0.011, atm50_0=0.011))
    assert len(found) == 1 and found[0].share == pytest.approx(0.97, abs=0.0011)


def test_where_the_photo_is_black_all_colours_are_one():
    (only,) = likely_colours(0, BINS, np.full(len(BINS), 1 / len(BINS), np.float32))
    assert (only.rgb, only.hex) == ((0, 0, 0), "#000000")


@given(luma=st.integers(0, 255), seed=st.integers(0, 2**32 - 1), peaks=st.floats(0.2, 30))
def test_whatever_a_model_thinks_the_colours_are_of_the_photos_luma_and_honest(luma, seed, peaks):
    logits = peaks * np.random.default_rng(seed).normal(size=len(BINS)).astype(np.float32)
    some = np.exp(logits - logits.max())
    some /= some.sum()
    found = likely_colours(luma, BINS, some)
    shares = [each.share for each in found]
    assert len(found) <= MOST_COLOURS and len({each.rgb for each in found}) == len(found)
    assert shares == sorted(shares, reverse=True) and sum(shares) <= 1 + 1e-9
    assert all(share >= LEAST_SHARE - 0.001 for share in shares)
    for each in found:
        assert abs(np.dot(each.rgb, colour.LUMA) - luma) <= 1


def test_a_model_without_a_distribution_is_known_as_such():
    model = load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1), warm=False)
    check_suggests(model)
    with pytest.raises(NothingSuggested, match="Sepia"):
        check_suggests(object.__new__(Sepia))


def test_the_distribution_of_the_embedded_model_has_the_chroma_that_it_paints():
    model = load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1), warm=False)
    luma = np.linspace(40, 220, 192 * 256).reshape(192, 256).astype(np.uint8)
    found = model.distribution(luma)
    assert found.bins.shape == (len(found.chances), 2) and found.chances.shape[1:] == found.chroma.shape[:2]
    np.testing.assert_allclose(found.chances.sum(axis=0), 1, atol=1e-4)
    assert np.array_equal(found.chroma, model.chroma(luma))
