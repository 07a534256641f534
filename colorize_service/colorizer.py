"""The path of a picture, once: a photo's bytes in, the bytes of the same photo in colour out."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from colorize_service.imaging import Photo, add_chroma, adjust, open_photo, shrink
from colorize_service.inference.model import Model
from colorize_service.inference.turn import ANY_TIME, Turn
from colorize_service.options import JPEG_QUALITY, Options
from colorize_service.process import available_cpus, photos_in_work


@dataclass(frozen=True)
class Result:
    """A photo in colour.

    Attributes:
        jpeg: the file's bytes.
        pixels: width times height of the photo, and so of the result.
        model_seconds: how long the model took for the chroma, with the time that the photo waited for the device.
    """

    jpeg: bytes
    pixels: int
    model_seconds: float


class Colorizer:
    """Colorizes photos with one model, in any thread. The same photo with the same options gives the same bytes."""

    def __init__(self, model: Model, *, max_pixels: int, quality: int = JPEG_QUALITY, spread: bool = True):
        """
        Args:
            max_pixels: width times height of a photo at most.
            quality: of the results' JPEG, 1 to 100.
            spread: whether all cores encode one photo together. That is sooner done but takes more of their time.
        """
        self.model = model
        self._max_pixels, self._quality = max_pixels, quality
        self._map = ThreadPoolExecutor(available_cpus(), "encode").map if spread else map

    def open(self, data: bytes) -> Photo:
        """Read a photo's header; cheap, and refuses most of what cannot be colorized.

        Raises:
            ImageError: if ``data`` is no picture that can be used; the text tells a person why.
        """
        return open_photo(data, max_pixels=self._max_pixels)

    def colorize(self, photo: Photo, options: Options = Options(), turn: Turn = ANY_TIME) -> Result:
        """The photo in colour.

        Raises:
            ImageError: if the photo is cut off or damaged.
            Busy, Abandoned: as the model's :meth:`~colorize_service.inference.model.Model.chroma`.
        """
        with photos_in_work.one_more():
            luma = photo.luma()
            small = shrink(luma, self.model.processing_size(*photo.size))
            started = time.perf_counter()
            chroma = self.model.chroma(small, options, turn)
            seconds = time.perf_counter() - started
            chroma = adjust(chroma, options.saturation, options.warmth)
            each = map if photos_in_work.crowded else self._map
            return Result(add_chroma(luma, chroma, self._quality, small, each), luma.size, seconds)
