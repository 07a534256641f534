"""Between the photo's luminance and the model: shrink the one, add the chroma of the other.

Chroma is Cb and Cr of JFIF (ITU-T T.871, from BT.601, full range): with 128 taken off,
R = Y + 1.402 Cr, G = Y - 0.344136 Cb - 0.714136 Cr, B = Y + 1.772 Cb.
"""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from PIL import Image

from colorize_service.cpus import available_cpus
from colorize_service.imaging.strips import join_strips, strip_rows

#: Below this many pixels chroma has 2x2 of them a sample, as in any 4:2:0 JPEG; above 4x4, a quarter of the work.
FINE_PIXELS = 1 << 21
#: Variance of luma, in levels squared, under which it is taken for noise and chroma does not follow it.
SMOOTHNESS = 50.0

# Strips of all pictures share these threads: one picture alone uses all cores, several do not use more.
_POOL = ThreadPoolExecutor(available_cpus())


def shrink(luma: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """What the model sees: `luma` (mode L) at `size` (width, height), antialiased, as uint8 (height, width)."""
    return np.array(luma.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))


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


def add_chroma(luma: Image.Image, chroma: np.ndarray, quality: int) -> bytes:
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
    """
    width, height = luma.size
    cell = 2 if width * height < FINE_PIXELS else 4
    guided = _guided(luma, chroma, (-(-width // cell), -(-height // cell)))
    pixels, rows = np.asarray(luma), strip_rows(width)

    def strip(top: int) -> bytes:
        part = pixels[top : top + rows]
        planes = _fitted(part, [band[top // cell : (top + rows) // cell] for band in guided], cell)
        bands = part, *(_repeated(plane, cell, part.shape) for plane in planes)
        return encode(Image.merge("YCbCr", [Image.fromarray(band) for band in bands]), quality)

    return join_strips(list(_POOL.map(strip, range(0, height, rows))), width, height)


def encode(image: Image.Image, quality: int) -> bytes:
    """`image` (mode L, RGB or YCbCr) as a baseline JPEG, 4:2:0, with nothing but the picture in it."""
    image.info.clear()  # Pillow writes a comment that it finds there
    with _buffer() as buffer:
        image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        buffer.seek(0)
        return buffer.read()


def _buffer() -> BinaryIO:
    """A file in memory. Pillow lets other threads run while it encodes into a file that the system knows, and stops
    the whole interpreter while it encodes into Python's own BytesIO."""
    return open(os.memfd_create("jpeg"), "w+b") if hasattr(os, "memfd_create") else io.BytesIO()


def _guided(luma: Image.Image, chroma: np.ndarray, size: tuple[int, int]) -> list[np.ndarray]:
    """What `_fitted` needs to enlarge chroma along the luma's edges: five planes, uint8 (size[1], size[0]).

    The luma that the chroma was made for, Cb, Cr, and by how much each rises with the luma around there, in 64ths on
    top of 128. The slopes are the guided filter's (He, Sun, Tang, "Guided Image Filtering", 2013; enlarged as in He,
    Sun, "Fast Guided Filter", 2015), the chroma itself is not filtered.
    """
    coarse = shrink(luma, chroma.shape[1::-1])
    slopes = [_slope(coarse.astype(np.float32), chroma[..., i].astype(np.float32)) for i in range(2)]
    bands = [coarse, chroma[..., 0], chroma[..., 1]]
    bands += [np.clip(np.rint(64 * slope) + 128, 0, 255).astype(np.uint8) for slope in slopes]
    images = [Image.fromarray(np.ascontiguousarray(band)) for band in bands]
    return [np.asarray(image.resize(size, Image.Resampling.BILINEAR)) for image in images]


def _slope(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """The slope of chroma over luma in each window of 3x3, ridge regression: float32 (h, w), levels per level."""
    mean_luma, mean_chroma = _mean3(luma), _mean3(chroma)
    covariance = _mean3(luma * chroma) - mean_luma * mean_chroma
    return _mean3(covariance / (_mean3(luma * luma) - mean_luma**2 + SMOOTHNESS))


def _mean3(plane: np.ndarray) -> np.ndarray:
    """The mean of each window of 3x3, edges repeated: float32 (h, w)."""
    padded = np.pad(plane, 1, "edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


def _scales() -> np.ndarray:
    """uint8 (65536,): at room << 8 | need, by how many 256ths a colour that needs so much room has to be multiplied
    (255 stands for 256, all of it)."""
    room, need = np.ogrid[:256, :256]
    return np.where(need > room, room * 256 // np.maximum(need, 1), 255).astype(np.uint8).ravel()


_SCALES = _scales()


def _fitted(pixels: np.ndarray, guided: list[np.ndarray], cell: int) -> list[np.ndarray]:
    """Cb and Cr of each cell, uint8 (h, w), for its luma, and such that RGB has them at the luma of all its pixels.

    A decoder that smooths chroma over the borders of cells may still clip a few pixels at hard edges. To leave room
    for that too would take far more colour out of fine detail than it keeps luminance.
    """
    missing = [cell * side - have for side, have in zip(guided[0].shape, pixels.shape)]
    if any(missing):
        pixels = np.pad(pixels, [(0, rest) for rest in missing], "edge")
    brightest, darkest = _extreme(np.maximum, pixels, cell), _extreme(np.minimum, pixels, cell)
    coarse, *bands = (band.astype(np.int16) for band in guided)
    above = (brightest.astype(np.int16) + darkest) // 2 - coarse  # as a rule close to the cell's mean, and at hand
    cb, cr = (np.clip(bands[i] - 128 + ((bands[i + 2] - 128) * above >> 6), -128, 127) for i in range(2))
    # By how much they raise one of R, G and B and lower another: JFIF's factors in 64ths, away from zero.
    shifts = 114 * cb, 90 * cr, -23 * cb - 46 * cr
    up = np.maximum(np.maximum(*shifts[:2]), shifts[2]) + 63 >> 6
    down = 63 - np.minimum(np.minimum(*shifts[:2]), shifts[2]) >> 6
    scale = _scale(255 - brightest, up)
    np.minimum(scale, _scale(darkest, down), out=scale)
    scale = scale.astype(np.int16)
    scale += scale == 255
    return [((band * scale + 128 >> 8) + 128).astype(np.uint8) for band in (cb, cr)]


def _extreme(of_two: np.ufunc, strip: np.ndarray, cell: int) -> np.ndarray:
    """`of_two` (maximum or minimum) over each cell."""
    for _ in range(cell // 2):
        strip = of_two(strip[::2], strip[1::2])
    for step in (1, 2)[: cell // 2]:  # overlapping, since the vector unit takes only neighbours
        strip = of_two(strip[:, :-step], strip[:, step:])
    return strip[:, ::cell]


def _scale(room: np.ndarray, need: np.ndarray) -> np.ndarray:
    """`_SCALES` at each pair of room, uint8, and need, int16 from 0 to 255."""
    return np.take(_SCALES, (room.astype(np.uint16) << 8) | need.view(np.uint16))


def _repeated(plane: np.ndarray, cell: int, shape: tuple[int, int]) -> np.ndarray:
    """Each sample as cell x cell pixels, cut to `shape`. Of whole 2x2 blocks the encoder's mean is what was fitted."""
    # Multiplied by 0x0101 or 0x01010101, a sample fills the two or four bytes of its cell.
    wide, ones = (np.uint16, 0x0101) if cell == 2 else (np.uint32, 0x01010101)
    rows = (plane.astype(wide) * wide(ones)).view(np.uint8)
    return np.repeat(rows, cell, axis=0)[: shape[0], : shape[1]]
