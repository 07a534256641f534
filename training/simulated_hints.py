"""Simulated colour hints: what a user would point at, made from the true colours of a photo.

After Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (SIGGRAPH 2017). A hint map is
float32 (3, H, W): a*, b* and a mask that is 1 where a hint lies, all zero elsewhere.
"""

from collections.abc import Iterable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float32]
#: Rows and columns of a square.
Patch = tuple[slice, slice]

# Share of the training pictures that get hints.
HINTED = 0.4


def choose_patches(height: int, width: int, rng: Generator, count: int, largest: int = 9) -> list[Patch]:
    """Choose ``count`` square patches of 1 to ``largest`` pixels a side.

    Half of them fall anywhere, half near the centre, where the subject is.
    """
    patches = []
    for _ in range(count):
        if rng.random() < 0.5:
            y, x = int(rng.integers(height)), int(rng.integers(width))
        else:
            y = int(np.clip(rng.normal(height / 2, height / 4), 0, height - 1))
            x = int(np.clip(rng.normal(width / 2, width / 4), 0, width - 1))
        size = int(rng.integers(1, largest + 1))
        top, left = max(0, y - size // 2), max(0, x - size // 2)
        patches.append((slice(top, min(top + size, height)), slice(left, min(left + size, width))))
    return patches


def paint_hints(ab: Floats, patches: Iterable[Patch]) -> Floats:
    """Return the hint map, float32 (3, H, W): each patch has the mean chroma of what it covers in ab (2, H, W)."""
    hints = np.zeros((3, *ab.shape[1:]), np.float32)
    for rows, columns in patches:
        hints[:2, rows, columns] = ab[:, rows, columns].mean(axis=(1, 2), keepdims=True)
        hints[2, rows, columns] = 1.0
    return hints


def random_count(rng: Generator) -> int:
    """How many hints a training picture gets: mostly none, else 1 to 30, few more often than many."""
    if rng.random() >= HINTED:
        return 0
    return int(np.exp(rng.uniform(0.0, np.log(31.0))))


def connected(same: Floats, seed: Floats, rounds: int = 160) -> Floats:
    """Limit likeness to what is connected with a seed: morphological reconstruction (Vincent 1993).

    Args:
        same, seed: float32 (h, w), 0 to 1.
        rounds: steps that a path has at most.

    Returns:
        float32 (h, w): the likeness of the weakest cell on the best path from each cell to the seed.
    """
    reached = np.minimum(same, seed)
    for _ in range(rounds):
        grown = np.pad(reached, 1)
        grown = np.maximum(np.maximum(grown[:-2], grown[1:-1]), grown[2:])
        grown = np.minimum(np.maximum(np.maximum(grown[:, :-2], grown[:, 1:-1]), grown[:, 2:]), same)
        if np.array_equal(grown, reached):
            break
        reached = grown
    return reached


def surface(luminance: Floats, ab: Floats, patch: Patch, spread: float = 9.0) -> Floats:
    """How much each pixel belongs to the surface under one patch.

    The surface is what has about the same Lab colour as the patch (Gaussian of ``spread``, lightness counted half) and
    is connected with it.

    Args:
        luminance: float32 (H, W); H and W are multiples of 4.
        ab: float32 (2, H, W).

    Returns:
        float32 (H, W), 0 to 1.
    """
    here, tone = ab[(slice(None), *patch)].mean(axis=(1, 2)), luminance[patch].mean()
    distance = (ab[0] - here[0]) ** 2 + (ab[1] - here[1]) ** 2 + (0.5 * (luminance - tone)) ** 2
    same = np.exp(-distance / np.float32(2.0 * spread**2))
    # Cells of 4x4 are fine enough to tell surfaces apart, and sixteen times as quick.
    height, width = same.shape
    cells = same.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))
    seed = np.zeros_like(cells)
    rows, columns = patch
    seed[rows.start // 4 : (rows.stop + 3) // 4, columns.start // 4 : (columns.stop + 3) // 4] = 1.0
    reached = np.repeat(np.repeat(connected(cells, seed), 4, axis=0), 4, axis=1)
    return np.minimum(same, reached)


def recolour(luminance: Floats, ab: Floats, patch: Patch, rng: Generator) -> Floats:
    """Give the surface under one patch another colour, to teach the model to obey hints that it would not have guessed.

    All of the surface moves by the same chroma.

    Args:
        luminance: float32 (H, W); H and W are multiples of 4.
        ab: float32 (2, H, W).

    Returns:
        The new ab, float32 (2, H, W).
    """
    angle, chroma = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(8.0, 60.0)
    move = np.array([chroma * np.cos(angle), chroma * np.sin(angle)], np.float32)
    move -= ab[(slice(None), *patch)].mean(axis=(1, 2))
    return ab + move[:, None, None] * surface(luminance, ab, patch)
