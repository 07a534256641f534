"""Figures for colorizations, in NumPy alone. Pictures are sRGB, uint8 (H, W, 3); chroma planes are float (2, H, W)."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.floating]
Labels = NDArray[np.int64]


def psnr(result: Pixels, original: Pixels) -> float:
    """Peak signal-to-noise ratio over all pixels and channels, in dB; infinite for equal pictures."""
    error = np.mean((result.astype(np.float64) - original.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def _windowed(plane: Floats, kernel: Floats) -> Floats:
    """Separable correlation of the last two axes with a symmetric 1-D kernel, without padding."""
    for axis in (-1, -2):
        windows = np.lib.stride_tricks.sliding_window_view(plane, len(kernel), axis=axis)
        plane = windows @ kernel
    return plane


def ssim(result: Pixels, original: Pixels, sigma: float = 1.5, window: int = 11) -> float:
    """Structural similarity, mean over pixels and channels (Wang et al. 2004: Gaussian window of 11 pixels)."""
    offsets = np.arange(window) - window // 2
    kernel = np.exp(-(offsets**2) / (2.0 * sigma**2)).astype(np.float32)
    kernel /= kernel.sum()
    a = result.astype(np.float32).transpose(2, 0, 1)
    b = original.astype(np.float32).transpose(2, 0, 1)
    mean_a, mean_b, aa, bb, ab = _windowed(np.stack([a, b, a * a, b * b, a * b]), kernel)
    variance_a, variance_b, covariance = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(similarity / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))))


def chroma_error(result_ab: Floats, original_ab: Floats) -> float:
    """Mean distance in the ab plane."""
    return float(np.mean(np.hypot(*(result_ab - original_ab))))


def mean_chroma(ab: Floats) -> float:
    """Mean distance from gray in the ab plane."""
    return float(np.mean(np.hypot(*ab)))


def colourfulness(rgb: Pixels) -> float:
    """M3 of Hasler and Süsstrunk, "Measuring Colourfulness in Natural Images" (2003): 0 gray, 30 moderate, 80 high."""
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def segments(lab: Floats, tone: float = 6.0, chroma: float = 6.0, least: int = 24) -> Labels:
    """The surfaces of a picture: connected places whose colours differ little from one to the next.

    Args:
        lab: float (H, W, 3), L*, a* and b*.
        tone, chroma: a step of less than half of it, in L* and in the ab plane, stays on a surface.
        least: pixels that a surface has at least.

    Returns:
        int64 (H, W): the surfaces' numbers from 1 on, 0 where a place belongs to none.
    """
    height, width = lab.shape[:2]
    index = np.arange(height * width).reshape(height, width)
    pairs = []
    for here, there, a, b in (
        (lab[:, :-1], lab[:, 1:], index[:, :-1], index[:, 1:]),
        (lab[:-1], lab[1:], index[:-1], index[1:]),
    ):
        step = there - here
        alike = (np.abs(step[..., 0]) < tone / 2) & (np.hypot(step[..., 1], step[..., 2]) < chroma / 2)
        pairs.append(np.stack([a[alike], b[alike]]))
    roots = _connected(np.concatenate(pairs, axis=1), height * width)
    _, labels, counts = np.unique(roots, return_inverse=True, return_counts=True)
    large = counts >= least
    numbers = np.where(large, np.cumsum(large), 0)
    return numbers[labels].reshape(height, width)


def _connected(pairs: Labels, count: int) -> Labels:
    """The least member of each place's connected set, int64 (count,); pairs: int64 (2, N).

    Each round hangs every set under its least neighbour (Shiloach, Vishkin 1982): about log(count) rounds.
    """
    roots = np.arange(count)
    while True:
        joined = np.sort(roots[pairs], axis=0)
        apart = joined[0] != joined[1]
        if not apart.any():
            return roots
        pairs = pairs[:, apart]
        np.minimum.at(roots, joined[1, apart], joined[0, apart])
        while not np.array_equal(above := roots[roots], roots):
            roots = above


def variation_within(ab: Floats, labels: Labels) -> float:
    """Standard deviation of chroma within surfaces, in units of a*b*, mean over their pixels; 0 without surfaces.

    Args:
        ab: float (2, H, W).
        labels: int64 (H, W), of :func:`segments`.
    """
    inside = labels.ravel() > 0
    if not inside.any():
        return 0.0
    places = labels.ravel()[inside]
    counts = np.bincount(places)
    squares = np.zeros(len(places))
    for plane in ab.reshape(2, -1)[:, inside]:
        means = np.bincount(places, plane) / np.maximum(counts, 1)
        squares += (plane - means[places]) ** 2
    deviation = np.sqrt(np.bincount(places, squares) / np.maximum(counts, 1))
    return float(np.average(deviation, weights=counts))
