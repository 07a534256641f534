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

from .strips import join_strips, strip_rows

# Strips of all pictures share these threads: one picture alone uses all cores, several do not use more.
_POOL = ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def shrink(luma: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """What the model sees: `luma` (mode L) at `size` (width, height), antialiased, as uint8 (height, width)."""
    return np.array(luma.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))


def add_chroma(luma: Image.Image, chroma: np.ndarray, quality: int) -> bytes:
    """The photo in colour, as a baseline JPEG (4:2:0) without metadata.

    The luma plane goes to the encoder as it is. Chroma is enlarged to half the luma's size and made less strong, at
    the same hue, where RGB has no such colour of that luma: a decoder would clip it, and with it the luminance.

    Strips of the picture are made side by side and joined at JPEG's restart markers; the pixels are those that one
    pass over the whole picture would give.

    Args:
        luma: mode L, the full size.
        chroma: uint8 (h, w, 2), Cb and Cr, 128 is neutral; any size, it covers the whole picture.
        quality: of the JPEG, 1 to 100.
    """
    width, height = luma.size
    cell = _cell(luma.size, chroma.shape[1::-1])
    samples = np.asarray(_enlarged(chroma, [-(-side // cell) for side in luma.size]))
    pixels, rows = np.asarray(luma), strip_rows(width)

    def strip(top: int) -> bytes:
        part = pixels[top : top + rows]
        planes = _fitted(part, samples[top // cell : (top + rows) // cell], cell)
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


def _cell(size: tuple[int, int], model: tuple[int, int]) -> int:
    """Pixels on the side of one chroma sample: 2 as in any 4:2:0 JPEG, or 4 where these still are clearly finer than
    what the model gave, which saves three quarters of the work."""
    return 4 if all(side / 4 >= 1.4 * given for side, given in zip(size, model)) else 2


def _enlarged(chroma: np.ndarray, size: list[int]) -> Image.Image:
    """Cb, Cr, and how far they raise one of R, G and B and lower another, as four bands of `size`.

    The last two are convex in the first, so that interpolating them with positive weights can only overstate them.
    """
    cb, cr = chroma[..., 0].astype(np.int32) - 128, chroma[..., 1].astype(np.int32) - 128
    shifts = 116130 * cb, 91881 * cr, -22553 * cb - 46802 * cr  # of B, R and G, times 65536
    up = np.maximum(np.maximum(*shifts[:2]), shifts[2])
    down = np.minimum(np.minimum(*shifts[:2]), shifts[2])
    bands = chroma[..., 0], chroma[..., 1], up + 65535 >> 16, -down + 65535 >> 16  # rounded up
    four = Image.merge("CMYK", [Image.fromarray(np.ascontiguousarray(band, np.uint8)) for band in bands])
    return four.resize(size, Image.Resampling.BILINEAR)


def _scales() -> np.ndarray:
    """uint8 (65536,): at room << 8 | need, by how many 256ths a colour that needs so much room has to be multiplied
    (255 stands for 256, all of it)."""
    room, need = np.ogrid[:256, :256]
    return np.where(need > room, room * 256 // np.maximum(need, 1), 255).astype(np.uint8).ravel()


_SCALES = _scales()


def _fitted(pixels: np.ndarray, samples: np.ndarray, cell: int) -> np.ndarray:
    """Cb and Cr of `samples`, uint8 (h, w, 4), each fitted to the luma of all pixels of its cell: uint8 (2, h, w).

    A decoder that smooths chroma over the borders of cells may still clip a few pixels at hard edges. To leave room
    for that too would take far more colour out of fine detail than it keeps luminance.
    """
    missing = [cell * side - have for side, have in zip(samples.shape, pixels.shape)]
    if any(missing):
        pixels = np.pad(pixels, [(0, rest) for rest in missing], "edge")
    *chroma, up, down = np.moveaxis(samples, 2, 0)
    scale = _scale(255 - _extreme(np.maximum, pixels, cell), up)
    np.minimum(scale, _scale(_extreme(np.minimum, pixels, cell), down), out=scale)
    scale = scale.astype(np.int16)
    scale += scale == 255
    return np.stack([_scaled(band, scale) for band in chroma])


def _extreme(of_two: np.ufunc, strip: np.ndarray, cell: int) -> np.ndarray:
    """`of_two` (maximum or minimum) over each cell."""
    for _ in range(cell // 2):
        strip = of_two(strip[::2], strip[1::2])
    for step in (1, 2)[: cell // 2]:  # overlapping, since the vector unit takes only neighbours
        strip = of_two(strip[:, :-step], strip[:, step:])
    return strip[:, ::cell]


def _scale(room: np.ndarray, need: np.ndarray) -> np.ndarray:
    """`_SCALES` at each pair of room and need."""
    index = room.astype(np.uint16)
    index <<= 8
    index |= need
    return np.take(_SCALES, index)


def _scaled(band: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Chroma times scale: (band - 128) * scale / 256 + 128, in 16 bits, rounded."""
    shift = band.astype(np.int16)
    shift -= 128
    shift *= scale
    shift += 128
    shift >>= 8
    shift += 128
    return shift.astype(np.uint8)


def _repeated(plane: np.ndarray, cell: int, shape: tuple[int, int]) -> np.ndarray:
    """Each sample as cell x cell pixels, cut to `shape`. Of whole 2x2 blocks the encoder's mean is what was fitted."""
    # Multiplied by 0x0101 or 0x01010101, a sample fills the two or four bytes of its cell.
    wide, ones = (np.uint16, 0x0101) if cell == 2 else (np.uint32, 0x01010101)
    rows = (plane.astype(wide) * wide(ones)).view(np.uint8)
    return np.repeat(rows, cell, axis=0)[: shape[0], : shape[1]]
