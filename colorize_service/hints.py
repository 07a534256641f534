"""A user's colours, put over what a model has made: each keeps to the surface that it was given for.

How far a place is from a hint is measured along the picture: a path costs what it crosses, edges of the luma above
all, and tones and colours that are not the hint's. The weight of the hinted colour falls with that distance. After
Yatziv and Sapiro, "Fast Image and Video Colorization Using Chrominance Blending" (2006), which blends all colours by
such distances; here the model's own colours stay where no hint is near.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service import colour
from colorize_service.options import Hint

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Shorter side in cells of the grid on which distances are measured.
GRID = 96

# What a path costs for each cell, in distances at which a hint's weight has fallen to 1/e. Found on surfaces drawn by
# hand and on such as have one colour in photos of many kinds, see training.stray.
_CELL = 0.0042
# An edge costs the power of its step in L*: one of 10 a third of a distance, one of 14 one and a half.
_EDGE, _EDGE_POWER = 0.0775, 4.1
# Being of another tone or colour than the hint's place: by the power 1.5 of the units of L*, and for each of a* and b*.
_TONE, _COLOUR = 0.0003, 0.0016
# The weight stays near 1 up to about half a distance and then falls soon: exp(-d**5).
_FALL = 5
# A spot's paths cost more, so that it ends at about a twentieth of the shorter side.
_SPOT_CELL = 0.2

_PASSES = 2
# Cells whose distances are in memory together, of all hints: ten megabytes, or 21 hints of a photo of 4:3.
_AT_A_TIME = 2**18


def blend_hints(small: Bytes, chroma: Bytes, hints: Sequence[Hint]) -> Bytes:
    """Put the hinted colours over a model's chroma.

    Every place belongs to the hint that is nearest along the picture, of two on one spot to the later. It keeps its own
    luma: it gets the hint's hue, and in the shade a chroma that is as much less as it is darker.

    Args:
        small: luma, uint8 (h, w).
        chroma: uint8 (h', w', 2), Cb and Cr, 128 neutral; any size, it covers the same picture.
        hints: those that reach over a surface or a spot.

    Returns:
        uint8 (h, w, 2): Cb and Cr.
    """
    height, width = small.shape
    size = (width, height)
    plain = np.stack([_resized(chroma[..., band], size) for band in range(2)], axis=-1)
    distance, nearest = _nearest(*_on_grid(small, plain), hints)
    weight = _resized(_weight(distance), size)[..., None]
    owner = np.asarray(Image.fromarray(nearest).resize(size, Image.Resampling.NEAREST))
    blended: Floats = plain + weight * (_hinted(small, owner, hints) - plain.astype(np.float32))
    return np.rint(blended).astype(np.uint8)


def surface(small: Bytes, chroma: Bytes, x: float, y: float) -> Floats:
    """How much each place belongs to the surface at a point: the weight that a hint there would have.

    Args:
        small: luma, uint8 (h, w).
        chroma: uint8 (h', w', 2), Cb and Cr, 128 neutral, of the same picture.
        x, y: 0 to 1, in shares of its width and height.

    Returns:
        float32 (h', w'), 0 to 1; 1 at the point itself.
    """
    distance, _ = _nearest(*_on_grid(small, chroma), [Hint(x, y, (0, 0, 0))])
    return _resized(_weight(distance), (chroma.shape[1], chroma.shape[0]))


def _weight(distance: Floats) -> Floats:
    """What share a hint has of the colour at this distance, float32, 1 to 0."""
    weight: Floats = np.exp(-(np.minimum(distance, 9) ** _FALL))
    return weight


def _hinted(small: Bytes, owner: Bytes, hints: Sequence[Hint]) -> Bytes:
    """Chroma of each pixel if it had its owner's colour, uint8 (h, w, 2): Cb and Cr.

    A surface in the shade has the same chromaticity, so that a* and b* go with L* + 16 (CIE 15); brighter than the
    hint, it is no stronger.
    """
    lab = colour.lab(np.array([hint.rgb for hint in hints], np.uint8))
    lightness = colour.lightness(small)
    shade = np.minimum((lightness + 16) / (lab[owner, 0] + 16), 1)
    ab = np.stack([lab[owner, 1] * shade, lab[owner, 2] * shade])
    return colour.chroma(lightness, ab)


def _on_grid(small: Bytes, chroma: Bytes | Floats) -> tuple[Floats, list[Floats]]:
    """Luma, and Cb and Cr, on the grid of the distances: float32 (h, w) each."""
    grid = _grid_size(small.shape[1], small.shape[0])
    return _resized(small, grid), [_resized(chroma[..., band], grid) for band in range(2)]


def _nearest(luma: Floats, chroma: Sequence[Floats], hints: Sequence[Hint]) -> tuple[Floats, Bytes]:
    """Of each cell of the grid, how far the nearest hint is, float32 (h, w), and which one it is, uint8 (h, w)."""
    distance, nearest = np.full(luma.shape, np.inf, np.float32), np.zeros(luma.shape, np.uint8)
    together = max(4, _AT_A_TIME // luma.size)
    for first in range(0, len(hints), together):
        found = _distances(luma, chroma, hints[first : first + together])
        last = len(found) - 1 - np.argmin(found[::-1], axis=0)
        least = found.min(axis=0)
        nearer = least <= distance  # of two at one place the later
        distance[nearer], nearest[nearer] = least[nearer], (first + last)[nearer]
    return distance, nearest


def _distances(luma: Floats, chroma: Sequence[Floats], hints: Sequence[Hint]) -> Floats:
    """How far each cell of the grid is from each hint along the picture: float32 (hints, h, w)."""
    height, width = luma.shape
    lightness = colour.lightness(np.rint(luma).astype(np.uint8))
    places = [(min(int(hint.y * height), height - 1), min(int(hint.x * width), width - 1)) for hint in hints]
    planes = np.stack([lightness, *chroma])
    at = np.stack([_around(planes, *place) for place in places])[:, :, None, None]
    apart = np.abs(planes[None] - at)
    cell = np.array([_SPOT_CELL if hint.reach == "spot" else _CELL for hint in hints], np.float32)[:, None, None]
    tone, tint = apart[:, 0], np.hypot(apart[:, 1], apart[:, 2])
    cost = np.float32(_TONE) * tone * np.sqrt(tone) + np.float32(_COLOUR) * tint + cell
    across, down = (_EDGE * np.abs(np.diff(lightness, axis=axis)) for axis in (1, 0))
    # Rows first: each step of the sweep takes one row for all hints.
    by_row = np.ascontiguousarray(cost.transpose(1, 0, 2))
    right: Floats = ((by_row[..., 1:] + by_row[..., :-1]) / 2 + (across**_EDGE_POWER)[:, None]).astype(np.float32)
    below: Floats = ((by_row[1:] + by_row[:-1]) / 2 + (down**_EDGE_POWER)[:, None]).astype(np.float32)
    return shortest_paths(right, below, places).transpose(1, 0, 2)


def shortest_paths(right: Floats, below: Floats, places: Sequence[tuple[int, int]]) -> Floats:
    """Costs of the cheapest paths over the four neighbours, up to detours that turn more often than the passes do.

    Fast sweeping (Zhao, "A fast sweeping method for Eikonal equations", 2005): rows from top to bottom and back. Along
    a row, a cell's cost is the least of what it has cost to come down to another cell and to go on from there: a
    running minimum of those costs less the way so far.

    Args:
        right: float32 (h, n, w - 1): the cost from each cell to the next in its row, for each of n sources.
        below: float32 (h - 1, n, w): to the one below.
        places: row and column of each source.

    Returns:
        float32 (h, n, w).
    """
    height, sources, width = right.shape[0], right.shape[1], right.shape[2] + 1
    way = np.zeros((height, sources, width), np.float32)
    np.cumsum(right, axis=2, out=way[..., 1:])
    paths = np.full((height, sources, width), 1e6, np.float32)
    for source, (row, column) in enumerate(places):
        paths[row, source, column] = 0
    buffer = np.empty((sources, width), np.float32)
    for _ in range(_PASSES):
        for row in range(height):
            if row:
                np.add(paths[row - 1], below[row - 1], out=buffer)
                np.minimum(paths[row], buffer, out=paths[row])
            _along(paths[row], way[row], buffer)
        for row in range(height - 2, -1, -1):
            np.add(paths[row + 1], below[row], out=buffer)
            np.minimum(paths[row], buffer, out=paths[row])
            _along(paths[row], way[row], buffer)
    return paths


def _along(row: Floats, way: Floats, buffer: Floats) -> None:
    """Let paths go on along a row, to the right and to the left, in place."""
    np.subtract(row, way, out=buffer)
    np.minimum.accumulate(buffer, axis=1, out=buffer)
    buffer += way
    np.minimum(row, buffer, out=row)
    np.add(row, way, out=buffer)
    back = buffer[:, ::-1]
    np.minimum.accumulate(back, axis=1, out=back)
    buffer -= way
    np.minimum(row, buffer, out=row)


def _around(planes: Floats, row: int, column: int) -> Floats:
    """The means of 3×3 cells, float32 (planes,)."""
    means: Floats = planes[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].mean(axis=(1, 2))
    return means


def _grid_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1, GRID / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(plane: NDArray[np.uint8] | Floats, size: tuple[int, int]) -> Floats:
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
