"""Between a photo's luma and the model's chroma: shrink the one, adjust the other, enlarge it along the luma's edges.

Chroma is Cb and Cr of JFIF, 128 neutral; see :mod:`colorize_service.colour`.
"""

import math
import threading
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service import colour
from colorize_service.process import available_cpus

Bytes = NDArray[np.uint8]
Shorts = NDArray[np.int16]
Floats = NDArray[np.float32]

#: A photo's luma, full size: uint8 (height, width), or an image of mode L, of which a copy is made.
Luma = Bytes | Image.Image

Samples = TypeVar("Samples", Bytes, Shorts)

#: The side in pixels of the square that shares one sample of chroma, in pictures of at least so many pixels. In small
#: pictures it is 2, as in any 4:2:0 JPEG. Twice the side is a quarter of the work, and in a picture of four times the
#: pixels it looks the same (see benchmarks.edges).
CELLS = {0: 2, 1 << 21: 4, 1 << 23: 8}
#: Variance of luma, in levels squared, below which it counts as noise, which chroma does not follow.
SMOOTHNESS = 50.0
#: What a warmth of 1 adds to b*, in units of CIE L*a*b*.
WARMEST = 20.0

# Half as many threads as cores may run the many small NumPy steps: each step releases the interpreter's lock, and on
# two cores two such threads mostly waited for each other (a fifth of the time at 2048x2048).
_SMALL_STEPS = threading.BoundedSemaphore(max(1, available_cpus() // 2))


def shrink(luma: Luma, size: tuple[int, int]) -> Bytes:
    """What the model sees: `luma` at `size` (width, height), antialiased, as uint8 (height, width)."""
    image = luma if isinstance(luma, Image.Image) else Image.fromarray(luma)
    return np.array(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.5))


def adjust(chroma: Bytes, saturation: float = 1, warmth: float = 0) -> Bytes:
    """Chroma made stronger or weaker at the same hue, then shifted towards blue or yellow.

    Args:
        chroma: uint8 (h, w, 2), Cb and Cr, 128 neutral.
        saturation: factor of the chroma; 0 gives gray, 1 leaves it as it is.
        warmth: -1 to 1, in shares of `WARMEST`; above 0 is towards yellow.

    Returns:
        the same shape and type. A colour that 8 bits cannot hold becomes less strong, at the same hue.
    """
    if saturation == 1 and warmth == 0:
        return chroma
    signed = (chroma.astype(np.float32) - 128) * np.float32(saturation) + np.float32(warmth) * _WARM
    strongest = np.abs(signed).max(axis=2, keepdims=True)
    levels: Floats = np.rint(128 + signed * np.minimum(1, 127 / np.maximum(strongest, 1)))
    return levels.astype(np.uint8)


def _warm() -> Floats:
    """What a warmth of 1 adds to Cb and Cr, float32 (2,): `WARMEST` on the b* axis of L*a*b*, at a middle gray."""
    gray = np.full((1, 1), 60, np.float32)
    yellow = np.array([0, WARMEST], np.float32)[:, None, None]
    cb_cr: Floats = colour.chroma(gray, yellow)[0, 0].astype(np.float32)
    return cb_cr - 128


_WARM = _warm()


class FittedChroma:
    """Chroma for each strip of a photo, enlarged so that its edges follow the luma's.

    Where RGB has no colour of that luma and chroma, the chroma is made less strong, at the same hue: a decoder would
    clip the colour and so change the luminance.
    """

    def __init__(self, luma: Bytes, chroma: Bytes, small: Bytes | None = None):
        """
        Args:
            luma: full size, uint8 (height, width).
            chroma: uint8 (h, w, 2), Cb and Cr; any size, it covers the whole picture.
            small: what `shrink` made of `luma`, uint8 (h', w'), if it is at hand: the picture need not be read again.
        """
        height, width = luma.shape
        self._cell = max(cell for least, cell in CELLS.items() if width * height >= least)
        coarse = shrink(luma if small is None else small, (chroma.shape[1], chroma.shape[0]))
        # Between the samples of a small chroma the planes change so slowly that every second cell will do.
        fine = 4 * max(chroma.shape) * self._cell > max(luma.shape)
        self._step = self._cell if fine else 2 * self._cell
        with _SMALL_STEPS:
            self._guided = _guided(coarse, chroma, (-(-width // self._step), -(-height // self._step)))

    def strip(self, top: int, pixels: Bytes) -> Bytes:
        """Cb and Cr at half the resolution, uint8 (2, h', w'), of `pixels`, the rows of luma from `top` on."""
        half = (-(-pixels.shape[0] // 2), -(-pixels.shape[1] // 2))
        with _SMALL_STEPS:
            guided = self._guided[:, top // self._step : (top + pixels.shape[0] - 1) // self._step + 1]
            planes = _fitted(pixels, guided, self._cell, self._step)
            return planes if self._cell == 2 else np.ascontiguousarray(_repeated(planes, self._cell // 2, half))


def _guided(coarse: Bytes, chroma: Bytes, size: tuple[int, int]) -> Shorts:
    """What `_fitted` needs to enlarge chroma along the luma's edges: five planes, int16 (5, size[1], size[0]).

    The luma that the chroma was made for, of the same size, Cb and Cr, 0 neutral, and by how much each rises with the
    luma around there, in 64ths. The slopes are the guided filter's (He, Sun, Tang, "Guided Image Filtering", 2013;
    enlarged as in He, Sun, "Fast Guided Filter", 2015), the chroma itself is not filtered.
    """
    chroma = chroma.transpose(2, 0, 1)
    slopes = np.clip(np.rint(64 * chroma_slopes(coarse.astype(np.float32), chroma.astype(np.float32))) + 128, 0, 255)
    planes = np.empty((5, size[1], size[0]), np.int16)
    for plane, band in zip(planes, (coarse, *chroma, *slopes.astype(np.uint8)), strict=True):
        image = Image.fromarray(np.ascontiguousarray(band))
        plane[:] = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    planes[1:] -= 128
    return planes


def chroma_slopes(luma: Floats, chroma: Floats) -> Floats:
    """The slope of chroma (2, h, w) over luma (h, w) in each window of 3x3, by ridge regression: float32 (2, h, w)."""
    means = _mean3(np.concatenate([[luma, luma * luma], chroma, luma * chroma]))
    covariance = means[4:] - means[0] * means[2:4]
    return _mean3(covariance / (means[1] - means[0] ** 2 + SMOOTHNESS))


def _mean3(planes: Floats) -> Floats:
    """The mean of each window of 3x3, edges repeated: float32 (n, h, w)."""
    padded = np.concatenate([planes[:, :1], planes, planes[:, -1:]], axis=1)
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    padded = np.concatenate([rows[..., :1], rows, rows[..., -1:]], axis=2)
    means: Floats = (padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]) / 9
    return means


def _scales() -> Shorts:
    """int16 (256, 256): by how many 256ths a colour that has so much room and needs so much has to be multiplied."""
    room, need = np.ogrid[:256, :256]
    scales = np.where(need > room, room * 256 // np.maximum(need, 1), 256)
    scales[scales == 255] = 256
    return scales.astype(np.int16)


_SCALES = _scales()


# JFIF's factors in 64ths, away from zero.
_BLUE, _RED = math.ceil(64 * colour.BLUE_OF_CB), math.ceil(64 * colour.RED_OF_CR)
_GREEN = math.ceil(-64 * colour.GREEN_OF_CB), math.ceil(-64 * colour.GREEN_OF_CR)


def _fitted(pixels: Bytes, guided: Shorts, cell: int, step: int) -> Bytes:
    """Cb and Cr of each cell, uint8 (2, h, w), for its luma, and such that RGB has them at the luma of all its pixels.

    A sample of `guided` is for a square of `step` pixels, that is one cell or two; `pixels` may lack some at the end.

    A decoder that smooths chroma over the borders of cells may still clip a few pixels at hard edges. To leave room
    for that too would cost far more colour in fine detail than it saves luminance.
    """
    cells = [-(-side // cell) for side in pixels.shape]
    missing = [step * side - have for side, have in zip(guided.shape[1:], pixels.shape, strict=True)]
    if any(missing):
        pixels = np.pad(pixels, [(0, rest) for rest in missing], "edge")
    brightest, darkest = _extreme(np.maximum, pixels, cell), _extreme(np.minimum, pixels, cell)
    if step > cell:
        guided = _wider(guided, 2)
    guided = guided[:, :, None]  # NumPy takes each row of it for one row of cells, or for two
    coarse, chroma, slopes = guided[0], guided[1:3], guided[3:]
    planes = np.empty((2, *brightest.shape), np.int16)
    by_sample = planes.reshape(2, len(coarse), step // cell, -1)
    above = (brightest + darkest >> 1).reshape(by_sample.shape[1:])
    above -= coarse  # as a rule close to the cell's mean, and at hand
    np.multiply(slopes, above, out=by_sample)
    planes >>= 6
    by_sample += chroma
    np.maximum(planes, -128, out=planes)  # np.clip would take four times as long
    np.minimum(planes, 127, out=planes)
    _keep_in_rgb(planes, brightest, darkest)
    planes += 128
    return planes[:, : cells[0], : cells[1]].astype(np.uint8)


def _keep_in_rgb(planes: Shorts, brightest: Shorts, darkest: Shorts) -> None:
    """Make those colours less strong that RGB does not have at the cell's brightest or darkest pixel, in place.

    Args:
        planes: Cb and Cr, 0 neutral, int16 (2, h, w).
        brightest, darkest: int16 (h, w), 0 to 255.
    """
    cb, cr = planes
    # By how much they raise one of R, G and B and lower another.
    shifts = _BLUE * cb, _RED * cr, -_GREEN[0] * cb - _GREEN[1] * cr
    up = np.maximum(np.maximum(*shifts[:2]), shifts[2]) + 63 >> 6
    down = 63 - np.minimum(np.minimum(*shifts[:2]), shifts[2]) >> 6
    # Few as a rule, so that only they are looked up.
    strong = np.flatnonzero((up + brightest > 255) | (down > darkest))
    bright, dark, up, down = (each.ravel()[strong] for each in (brightest, darkest, up, down))
    scale = np.minimum(_SCALES[255 - bright, up], _SCALES[dark, down])
    for plane in planes.reshape(2, -1):
        plane[strong] = plane[strong] * scale + 128 >> 8


def _extreme(of_two: np.ufunc, strip: Bytes, cell: int) -> Shorts:
    """`of_two` (maximum or minimum) over each cell, int16."""
    steps = [1 << i for i in range(cell.bit_length() - 1)]
    for _ in steps:
        strip = of_two(strip[::2], strip[1::2])
    for step in steps:  # overlapping: on neighbouring bytes the vector unit is faster than on every second
        strip = of_two(strip[:, :-step], strip[:, step:])
    return strip[:, ::cell].astype(np.int16)


def _repeated(planes: Bytes, times: int, shape: tuple[int, int]) -> Bytes:
    """Each sample, uint8 (n, h, w), as 2x2 or 4x4 of them, cut to `shape`."""
    return np.repeat(_wider(planes, times), times, axis=1)[:, : shape[0], : shape[1]]


def _wider(planes: Samples, times: int) -> Samples:
    """Each sample, uint8 or int16 (n, h, w), 2 or 4 times beside each other: (n, h, times * w)."""
    size = planes.itemsize
    # Multiplied by 0x0101 or the like, a sample is in each part of the number.
    wide, ones = np.dtype(f"u{times * size}"), sum(1 << 8 * size * i for i in range(times))
    wider: Samples = (planes.view(f"u{size}").astype(wide) * wide.type(ones)).view(planes.dtype)
    return wider
