"""Between the photo's luminance and the model: shrink the one, add the chroma of the other.

Chroma is Cb and Cr of JFIF (ITU-T T.871, from BT.601, full range): with 128 taken off,
R = Y + 1.402 Cr, G = Y - 0.344136 Cb - 0.714136 Cr, B = Y + 1.772 Cb.
"""

import io
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
import simplejpeg
from PIL import Image

from colorize_service.cpus import available_cpus
from colorize_service.imaging.strips import join_strips, strip_rows

#: How many pixels share a sample of chroma, on the side of a square, in pictures of at least so many pixels: in small
#: ones 2, as in any 4:2:0 JPEG. Twice as many are a quarter of the work, and to the eye what two were in a picture a
#: quarter as large (see benchmarks.edges).
CELLS = {0: 2, 1 << 21: 4, 1 << 23: 8}
#: Variance of luma, in levels squared, under which it is taken for noise and chroma does not follow it.
SMOOTHNESS = 50.0

# Strips of all pictures share these threads: one picture alone uses all cores, several do not use more.
_POOL = ThreadPoolExecutor(available_cpus())
# Half as many threads as cores do the many small steps of NumPy: each step lets go of the interpreter's lock, and on two
# cores two threads that did so at once mostly waited for each other (a fifth of the time of `add_chroma` at 2048x2048).
_SMALL_STEPS = threading.BoundedSemaphore(max(1, available_cpus() // 2))


def shrink(luma: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """What the model sees: `luma` (mode L) at `size` (width, height), antialiased, as uint8 (height, width)."""
    return np.array(luma.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.5))


def saturate(chroma: np.ndarray, factor: float) -> np.ndarray:
    """Chroma made stronger or weaker at the same hue: uint8 (h, w, 2), Cb and Cr, to the same.

    Args:
        chroma: 128 is neutral.
        factor: 0 for none, 1 leaves it as it is; what would leave the range of 8 bits stops at its end.
    """
    if factor == 1:
        return chroma
    signed = chroma.astype(np.float32) - 128
    strongest = np.abs(signed).max(axis=2, keepdims=True)
    return np.rint(128 + signed * np.minimum(factor, 127 / np.maximum(strongest, 1))).astype(np.uint8)


def add_chroma(
    luma: Image.Image, chroma: np.ndarray, quality: int, small: np.ndarray | None = None, spread: bool = True
) -> bytes:
    """The photo in colour, as a baseline JPEG (4:2:0) without metadata.

    The luma plane goes to the encoder as it is. Chroma is enlarged so that its edges follow the luma's, and made less
    strong, at the same hue, where RGB has no such colour of that luma: a decoder would clip it, and with it the
    luminance.

    Strips of the picture are made side by side and joined at JPEG's restart markers; the pixels are those that one
    pass over the whole picture would give.

    Args:
        luma: mode L, the full size.
        chroma: uint8 (h, w, 2), Cb and Cr, 128 is neutral; any size, it covers the whole picture.
        quality: of the JPEG, 1 to 100.
        small: what `shrink` made of `luma`, uint8 (h', w'), if it is at hand: the picture need not be read again.
        spread: whether all cores work on this picture. It takes more of their time, for data that move between them.
    """
    width, height = luma.size
    cell = max(cell for least, cell in CELLS.items() if width * height >= least)
    coarse = shrink(luma if small is None else Image.fromarray(small), chroma.shape[1::-1])
    # Between the samples of a small chroma the planes change so slowly that every second cell will do.
    step = 2 * cell if 4 * max(chroma.shape) * cell <= max(luma.size) else cell
    with _SMALL_STEPS:
        guided = _guided(coarse, chroma, [-(-side // step) for side in luma.size])
    pixels, rows = np.asarray(luma), strip_rows(width)

    def strip(top: int) -> bytes:
        part = pixels[top : top + rows]
        with _SMALL_STEPS:
            planes = _fitted(part, guided[:, top // step : (top + rows) // step], cell)
            if cell > 2:
                planes = np.ascontiguousarray(_repeated(planes, cell // 2, tuple(-(-side // 2) for side in part.shape)))
        # Pillow would take three planes of the full size, and the encoder then shrink the chroma: twice the time. Below a
        # quality of 96 the DCT here is the faster and less exact one.
        return simplejpeg.encode_jpeg_yuv_planes(_even(part), *planes, quality)

    tops = range(0, height, rows)
    return join_strips(list((_POOL.map if spread and len(tops) > 1 else map)(strip, tops)), width, height)


def encode(image: Image.Image, quality: int) -> bytes:
    """`image` (mode L or RGB) as a baseline JPEG, 4:2:0, with nothing but the picture in it."""
    image.info.clear()  # Pillow writes a comment that it finds there
    with _buffer() as buffer:
        image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        buffer.seek(0)
        return buffer.read()


def _buffer() -> BinaryIO:
    """A file in memory. Pillow lets other threads run while it encodes into a file that the system knows, and stops
    the whole interpreter while it encodes into Python's own BytesIO."""
    return open(os.memfd_create("jpeg"), "w+b") if hasattr(os, "memfd_create") else io.BytesIO()


def _guided(coarse: np.ndarray, chroma: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """What `_fitted` needs to enlarge chroma along the luma's edges: five planes, uint8 (5, size[1], size[0]).

    The luma that the chroma was made for, of the same size, Cb, Cr, and by how much each rises with the luma around
    there, in 64ths on top of 128. The slopes are the guided filter's (He, Sun, Tang, "Guided Image Filtering", 2013;
    enlarged as in He, Sun, "Fast Guided Filter", 2015), the chroma itself is not filtered.
    """
    chroma = chroma.transpose(2, 0, 1)
    slopes = np.clip(np.rint(64 * _slopes(coarse.astype(np.float32), chroma.astype(np.float32))) + 128, 0, 255)
    bands = [coarse, *chroma, *slopes.astype(np.uint8)]
    images = [Image.fromarray(np.ascontiguousarray(band)).resize(size, Image.Resampling.BILINEAR) for band in bands]
    return np.stack(images)


def _slopes(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """The slopes of chroma, float32 (2, h, w), over luma, (h, w), in each window of 3x3, ridge regression: float32
    (2, h, w), levels per level."""
    means = _mean3(np.concatenate([[luma, luma * luma], chroma, luma * chroma]))
    covariance = means[4:] - means[0] * means[2:4]
    return _mean3(covariance / (means[1] - means[0] ** 2 + SMOOTHNESS))


def _mean3(planes: np.ndarray) -> np.ndarray:
    """The mean of each window of 3x3, edges repeated: float32 (n, h, w)."""
    padded = np.pad(planes, [(0, 0), (1, 1), (1, 1)], "edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9


def _scales() -> np.ndarray:
    """uint8 (65536,): at room << 8 | need, by how many 256ths a colour that needs so much room has to be multiplied
    (255 stands for 256, all of it)."""
    room, need = np.ogrid[:256, :256]
    return np.where(need > room, room * 256 // np.maximum(need, 1), 255).astype(np.uint8).ravel()


_SCALES = _scales()


def _fitted(pixels: np.ndarray, guided: np.ndarray, cell: int) -> np.ndarray:
    """Cb and Cr of each cell, uint8 (2, h, w), for its luma, and such that RGB has them at the luma of all its pixels.

    A sample of `guided` is for a cell or for 2x2 of them.

    A decoder that smooths chroma over the borders of cells may still clip a few pixels at hard edges. To leave room
    for that too would take far more colour out of fine detail than it keeps luminance.
    """
    cells = tuple(-(-side // cell) for side in pixels.shape)
    missing = [cell * side - have for side, have in zip(cells, pixels.shape)]
    if any(missing):
        pixels = np.pad(pixels, [(0, rest) for rest in missing], "edge")
    brightest, darkest = _extreme(np.maximum, pixels, cell), _extreme(np.minimum, pixels, cell)
    coarse, *planes = (guided if guided.shape[1:] == cells else _repeated(guided, 2, cells)).astype(np.int16)
    above = (brightest.astype(np.int16) + darkest >> 1) - coarse  # as a rule close to the cell's mean, and at hand
    cb, cr = (np.clip(planes[i] - 128 + ((planes[i + 2] - 128) * above >> 6), -128, 127) for i in range(2))
    # By how much they raise one of R, G and B and lower another: JFIF's factors in 64ths, away from zero.
    shifts = 114 * cb, 90 * cr, -23 * cb - 46 * cr
    up = np.maximum(np.maximum(*shifts[:2]), shifts[2]) + 63 >> 6
    down = 63 - np.minimum(np.minimum(*shifts[:2]), shifts[2]) >> 6
    scale = _scale(255 - brightest, up)
    np.minimum(scale, _scale(darkest, down), out=scale)
    scale = scale.astype(np.int16)
    scale += scale == 255
    return np.stack([((band * scale + 128 >> 8) + 128).astype(np.uint8) for band in (cb, cr)])


def _extreme(of_two: np.ufunc, strip: np.ndarray, cell: int) -> np.ndarray:
    """`of_two` (maximum or minimum) over each cell."""
    steps = [1 << i for i in range(cell.bit_length() - 1)]
    for _ in steps:
        strip = of_two(strip[::2], strip[1::2])
    for step in steps:  # overlapping, since the vector unit takes only neighbours
        strip = of_two(strip[:, :-step], strip[:, step:])
    return np.ascontiguousarray(strip[:, ::cell])


def _scale(room: np.ndarray, need: np.ndarray) -> np.ndarray:
    """`_SCALES` at each pair of room, uint8, and need, int16 from 0 to 255."""
    return np.take(_SCALES, (room.astype(np.uint16) << 8) | need.view(np.uint16))


def _even(pixels: np.ndarray) -> np.ndarray:
    """With an even number of rows and columns: the encoder reads as many, whatever there are."""
    odd = [(0, side % 2) for side in pixels.shape]
    return np.pad(pixels, odd, "edge") if any(rest for _, rest in odd) else pixels


def _repeated(planes: np.ndarray, times: int, shape: tuple[int, int]) -> np.ndarray:
    """Each sample, uint8 (n, h, w), as 2x2 or 4x4 of them, cut to `shape`."""
    # Multiplied by 0x0101 or 0x01010101, a sample is in each byte of the number.
    wide, ones = (np.uint16, 0x0101) if times == 2 else (np.uint32, 0x01010101)
    rows = (planes.astype(wide) * wide(ones)).view(np.uint8)
    return np.repeat(rows, times, axis=1)[:, : shape[0], : shape[1]]
