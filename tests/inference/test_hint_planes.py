"""Hints: each colours its own patch of what the model sees, and of two on one spot the later one counts."""

import numpy as np
import pytest

from colorize_service import colour
from colorize_service.inference.hint_planes import PATCH, hint_planes
from colorize_service.options import Hint

RED, GREEN = (200, 40, 40), (40, 160, 60)


def ab_at(planes: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """a* and b* where a hint lies."""
    assert planes[2, row, column] == 1
    return tuple(planes[:2, row, column].tolist())


def test_no_hints_are_planes_of_zeros():
    planes = hint_planes([], 32, 64)
    assert planes.shape == (3, 32, 64) and planes.dtype == np.float32 and not planes.any()


def test_a_hint_colours_a_patch_around_its_point_and_nothing_else():
    planes = hint_planes([Hint(0.25, 0.5, RED)], 40, 80)
    assert PATCH == 5
    mask = np.zeros((40, 80))
    mask[18:23, 18:23] = 1
    assert (planes[2] == mask).all() and (planes[:2] * (1 - mask) == 0).all()
    assert ab_at(planes, 20, 20) == pytest.approx(colour.ab_of(RED))
    assert np.ptp(planes[:, 18:23, 18:23], axis=(1, 2)).max() == 0


@pytest.mark.parametrize(
    ("x", "y", "rows", "columns"), [(0, 0, [0, 4], [0, 4]), (1, 1, [30, 31], [62, 63]), (1, 0, [0, 4], [62, 63])]
)
def test_a_hint_at_the_border_stays_within_the_photo(x, y, rows, columns):
    mask = hint_planes([Hint(x, y, RED)], 32, 64)[2]
    where = np.argwhere(mask == 1)
    assert [where[:, 0].min(), where[:, 0].max()] == rows
    assert [where[:, 1].min(), where[:, 1].max()] == columns


def test_of_two_hints_on_one_spot_the_later_one_counts():
    first, second = Hint(0.5, 0.5, RED), Hint(0.53, 0.5, GREEN)  # two pixels apart: their patches overlap
    for hints in ([first, second], [second, first]):
        planes = hint_planes(hints, 64, 64)
        assert ab_at(planes, 32, 33) == pytest.approx(colour.ab_of(hints[1].rgb))
    both = hint_planes([first, second], 64, 64)
    assert ab_at(both, 32, 30) == pytest.approx(colour.ab_of(RED))
