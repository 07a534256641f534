"""What every format gives: a picture whose header is read, and that can be decoded."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Source(Protocol):
    """A picture file whose header was read and found within the limits.

    Attributes:
        size: width and height in pixels, as stored.
        orientation: how it is turned upright, 1 to 8 (EXIF 2.32, 4.6.4).
        icc: the colour profile, or None for sRGB.
    """

    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def orientation(self) -> int: ...
    @property
    def icc(self) -> bytes | None: ...

    def decode(self, *, gray: bool) -> Image.Image:
        """The pixels, in any mode that :mod:`colorize_service.imaging.levels` knows. May be called in any thread.

        Args:
            gray: the caller wants the luminance alone, and the picture has no profile.
        """
        ...


@runtime_checkable
class DeepSource(Source, Protocol):
    """A picture that may have more than 8 bits."""

    def decode_deep(self) -> NDArray[np.uint16] | None:
        """The samples in 16 bits, (height, width, n): 1 gray, 3 RGB, with an alpha behind them 2 or 4.

        None where the file has no more than 8 bits, or they are of a kind that is read in 8 bits only.
        """
        ...
