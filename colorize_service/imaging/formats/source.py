"""What every format gives: a picture whose header is read, and that can be decoded."""

from typing import Protocol

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
