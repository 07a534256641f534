"""Colour hints: what a user says of the colour at a point of the photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colorize_service.inference import colour

# Pixels on the side of the patch that a hint colours at the processing size; the model was trained with 1 to 9.
PATCH = 5


@dataclass(frozen=True)
class Hint:
    """At (x, y), each 0…1 of the upright photo's width and height, the colour is sRGB (red, green, blue), 0…255 each.

    Only its hue and chroma count: the photo keeps its own luminance.
    """

    x: float
    y: float
    rgb: tuple[int, int, int]


def planes(hints: Sequence[Hint], height: int, width: int) -> np.ndarray:
    """The hints as a model takes them: float32 (3, height, width), a*, b* and a mask, 1 where a hint lies.

    Of two hints on the same pixel the later one counts.
    """
    result = np.zeros((3, height, width), np.float32)
    for hint in hints:
        top = min(max(int(hint.y * height) - PATCH // 2, 0), height - 1)
        left = min(max(int(hint.x * width) - PATCH // 2, 0), width - 1)
        result[:, top : top + PATCH, left : left + PATCH] = np.array([*colour.ab_of(hint.rgb), 1])[:, None, None]
    return result
