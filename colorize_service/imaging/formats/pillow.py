"""Formats that Pillow reads, from bytes that were gone through before."""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, features

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.levels import in_16_bits

# The limit in pixels is an argument of this package, checked before Pillow allocates.
Image.MAX_IMAGE_PIXELS = None

#: One of Pillow's readers. They themselves instead of Image.open: no other format can be reached, and the reason why a
#: file is refused is not lost.
Reader = Callable[[io.BytesIO], ImageFile.ImageFile]

#: What Pillow decodes in Python, a number at a time, and how many pixels of it are worth the time (about a second).
SLOW_DECODERS = {"ppm": 1_000_000, "ppm_plain": 1_000_000, "bmp_rle": 4_000_000}


@dataclass(frozen=True)
class PillowSource:
    """A :class:`~colorize_service.imaging.formats.source.Source` that Pillow decodes.

    Attributes:
        kind: the format's name, for the sentences.
        reader: Pillow's.
        clean: makes the bytes that the reader gets: what the pixels need of the file.
        stored: width and height that the reader must find, where they are others: `after` crops it.
        mend: changes the opened picture before it is decoded.
        after: changes the decoded picture.
        again: makes other bytes where the first cannot be read, or says what is wrong with the file.
        is_deep: whether it has more than 8 bits, and Pillow reads them.
        deep: reads what Pillow does not read of them: 16 bits, (height, width, samples).
    """

    kind: str
    reader: Reader
    clean: Callable[[], bytes]
    size: tuple[int, int]
    orientation: int = 1
    icc: bytes | None = None
    stored: tuple[int, int] | None = None
    mend: Callable[[Image.Image], None] | None = None
    after: Callable[[Image.Image], Image.Image] | None = None
    again: Callable[[], bytes] | None = None
    is_deep: bool = False
    deep: Callable[[], NDArray[np.uint16]] | None = None

    def decode_deep(self) -> NDArray[np.uint16] | None:
        if self.deep:
            with blame(self.kind):
                return self.deep()
        gray = in_16_bits(self.decode(gray=True)) if self.is_deep else None
        return None if gray is None else gray[..., None]

    def decode(self, *, gray: bool) -> Image.Image:
        try:
            return self._decoded(self.clean())
        except ImageError:
            if self.again is None:
                raise
        return self._decoded(self.again())

    def _decoded(self, data: bytes) -> Image.Image:
        with blame(self.kind):
            image = self.reader(io.BytesIO(data))
            if image.size != (self.stored or self.size):
                raise ImageError(f"The {self.kind} is damaged: it says two different sizes.")
            if self.mend:
                self.mend(image)
            image.load()
            return self.after(image) if self.after else image


def opened(kind: str, reader: Reader, data: bytes) -> ImageFile.ImageFile:
    """What Pillow reads of a header. The caller closes it."""
    with blame(kind):
        image = reader(io.BytesIO(data))
        limit = SLOW_DECODERS.get(image.tile[0].codec_name) if image.tile else None
        if limit and image.width * image.height > limit:
            raise ImageError(f"This kind of {kind} is slow to read: at most {limit:,} pixels of it are accepted.")
        return image


def needs_library(kind: str) -> ImageError:
    """The sentence for a format that cannot be read on this machine."""
    return ImageError(f"{kind} pictures need a library that is not installed here. Send a JPEG.")


def check_library(kind: str, feature: str) -> None:
    """Raise ``ImageError`` if Pillow was built without what it needs for a format.

    Args:
        feature: its name in ``PIL.features``.
    """
    if not features.check(feature):
        raise needs_library(kind)


@contextlib.contextmanager
def blame(kind: str) -> Iterator[None]:
    """Whatever Pillow raises over the client's bytes is the file's fault, except a lack of memory."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        raise ImageError(_sentence(kind, str(error).lower())) from error


# What Pillow says (in lower case) when bytes are missing, and when it knows no way to read them.
_ENDS_EARLY = "truncated", "not enough", "incomplete", "requires a buffer", "chunk b''", "cannot load this image"
_UNKNOWN_KIND = "cannot handle", "unknown pixel", "unknown data", "unsupported", "not yet", "security limit"

# What it says of the decoders that it was built without.
_NO_LIBRARY = "not available"


def _sentence(kind: str, reason: str) -> str:
    if _NO_LIBRARY in reason:
        return f"This kind of {kind} needs a library that is not installed here. Send a JPEG."
    if any(words in reason for words in _ENDS_EARLY):
        return f"The {kind} is cut off: its end is missing."
    if any(words in reason for words in _UNKNOWN_KIND):
        return f"This kind of {kind} is not supported; a plain 8-bit or 16-bit {kind} is."
    if "not identified" in reason:
        return f"The {kind} has no pixels, or its header is damaged."
    return f"The {kind} is damaged and cannot be read."
