"""The quantised chroma plane that the network's output is a distribution over."""

import numpy as np
from numpy.typing import NDArray

from colorize_service import colour

#: Scale that brings a* and b* of every sRGB colour within -1 to 1.
AB_SCALE = 110.0


def gamut_bins(grid: int = 10) -> NDArray[np.float32]:
    """The centres of the ab bins that sRGB reaches, float32 (Q, 2), sorted by a* then b*.

    The plane is quantised with steps of ``grid`` as by Zhang, Isola, Efros, "Colorful Image Colorization" (ECCV
    2016); here a bin counts as in gamut when a colour of a regular 33x33x33 grid of sRGB falls into it, which makes
    259 of them.
    """
    levels = np.rint(np.linspace(0, 255, 33)).astype(np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = np.unique(np.rint(colour.lab(rgb)[:, 1:] / grid).astype(int), axis=0)
    return (cells * grid).astype(np.float32)


def soft_encode(
    ab: NDArray[np.floating], bins: NDArray[np.float32], neighbours: int = 5, sigma: float = 5.0
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Spread each chroma over its nearest bins with Gaussian weights (Zhang et al. 2016, section 2.2).

    Args:
        ab: float (N, 2).
        bins: float32 (Q, 2).

    Returns:
        Indices int64 (N, neighbours), nearest first, and weights float32 of the same shape that sum to one.
    """
    distance = np.linalg.norm(ab[:, None, :] - bins[None], axis=-1)
    indices = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
    nearest = np.take_along_axis(distance, indices, axis=1)
    # The offset cancels in the quotient and keeps it defined far from every bin.
    weights = np.exp((nearest[:, :1] ** 2 - nearest**2) / (2.0 * sigma**2))
    return indices, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
