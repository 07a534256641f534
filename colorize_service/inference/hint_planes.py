"""Colour hints in the form that a model takes: planes of its processing size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorize_service import colour
from colorize_service.options import Hint

# Side in pixels, at the processing size, of the square that a hint colours; the model was trained with 1 to 9.
PATCH = 5


def hint_planes(hints: Sequence[Hint], height: int, width: int) -> NDArray[np.float32]:
    """a*, b* and a mask, 1 where a hint lies and 0 elsewhere: float32 (3, height, width).

    Of two hints on the same pixel the later one counts.
    """
    planes = np.zeros((3, height, width), np.float32)
    for hint in hints:
        top = max(int(hint.y * height) - PATCH // 2, 0)
        left = max(int(hint.x * width) - PATCH // 2, 0)
        planes[:, top : top + PATCH, left : left + PATCH] = np.array([*colour.ab_of(hint.rgb), 1])[:, None, None]
    return planes
