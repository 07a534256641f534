"""The red, green and blue of a result, for formats that lose nothing."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service import colour
from colorize_service.imaging.chroma import Bytes, chroma_slopes, shrink
from colorize_service.imaging.levels import Levels

Floats = NDArray[np.float32]


class Pixels:
    """The pixels of a photo in colour, strip by strip.

    Each pixel has the photo's own luma, to half a level: where RGB has no colour of that luma and chroma, the chroma is
    made less strong, at the same hue. Chroma follows the luma's edges as in
    :class:`~colorize_service.imaging.chroma.FittedChroma`, but for each pixel by itself.
    """

    def __init__(self, luma: Levels, chroma: Bytes, small: Bytes):
        """
        Args:
            luma: full size, uint8 or uint16 (height, width).
            chroma: uint8 (h, w, 2), Cb and Cr, 128 neutral; any size, it covers the whole picture.
            small: what ``shrink`` made of the luma, uint8 (h', w').
        """
        self.luma, self.most = luma, np.iinfo(luma.dtype).max
        coarse = shrink(small, (chroma.shape[1], chroma.shape[0])).astype(np.float32)
        planes = chroma.transpose(2, 0, 1).astype(np.float32)
        rising = np.clip(chroma_slopes(coarse, planes), -2, 2)
        # The chroma that a pixel would have were it black, and how much each rises with its luma.
        self._guide = [Image.fromarray(plane) for plane in (*(planes - 128 - rising * coarse), *rising)]

    def rgb(self, top: int, bottom: int) -> Levels:
        """Red, green and blue of the rows from ``top`` to ``bottom``, of the luma's type: (rows, width, 3)."""
        luma = self.luma[top:bottom].astype(np.float32)
        black, rising = np.split(self._guides(top, bottom), 2)
        cb, cr = black * np.float32(self.most / 255) + rising * luma
        shifts = [
            np.float32(colour.RED_OF_CR) * cr,
            np.float32(colour.GREEN_OF_CB) * cb + np.float32(colour.GREEN_OF_CR) * cr,
            np.float32(colour.BLUE_OF_CB) * cb,
        ]
        # By how much they raise one of R, G and B and lower another.
        up, down = np.maximum.reduce(shifts), -np.minimum.reduce(shifts)
        least = np.float32(1e-3)
        room = np.minimum((self.most - luma) / np.maximum(up, least), luma / np.maximum(down, least))
        scale = np.minimum(room, 1)
        pixels = np.empty((*luma.shape, 3), self.luma.dtype)
        for i, shift in enumerate(shifts):
            pixels[..., i] = np.clip(np.rint(luma + scale * shift), 0, self.most)
        return pixels

    def _guides(self, top: int, bottom: int) -> Floats:
        """The four planes of ``_guide`` at the size of these rows."""
        height, width = self.luma.shape
        return np.stack(
            [
                np.asarray(
                    plane.resize(
                        (width, bottom - top),
                        Image.Resampling.BILINEAR,
                        box=(0, top * plane.height / height, plane.width, bottom * plane.height / height),
                    )
                )
                for plane in self._guide
            ]
        )


def layer(rgb: Levels) -> Bytes:
    """The colours of pixels without their luminance: uint8 (h, w, 3) to uint8 (h, w, 4), transparent where gray.

    The blend mode "color" (W3C, Compositing and Blending Level 1) takes a layer's colours and the luminance of what
    lies below. It does not matter to it by how much all of R, G and B are raised or lowered together, so they stand in
    the middle of their range.
    """
    low, high = rgb.min(axis=2, keepdims=True), rgb.max(axis=2, keepdims=True)
    colours = rgb - low + (255 - (high - low)) // 2
    return np.concatenate([colours, np.where(high > low, 255, 0)], axis=2).astype(np.uint8)
