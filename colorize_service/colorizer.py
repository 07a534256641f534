"""The path of a picture, once: a photo's bytes in, the bytes of the same photo in colour out."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorize_service.hints import blend_hints, surface
from colorize_service.imaging import Photo, add_chroma, adjust, luma_in_8_bits, open_photo, shrink
from colorize_service.inference.model import Model
from colorize_service.inference.turn import ANY_TIME, Turn
from colorize_service.likely import LikelyColour, likely_colours
from colorize_service.options import JPEG_QUALITY, Options
from colorize_service.picture_kinds import DEEP_RESULTS
from colorize_service.process import available_cpus, photos_in_work

if TYPE_CHECKING:
    from colorize_service.imaging.metadata import Notes


@dataclass(frozen=True)
class Result:
    """A photo in colour.

    Attributes:
        file: its bytes.
        pixels: width times height of the photo, and so of the result.
        model_seconds: how long the model took for the chroma, with the time that the photo waited for the device.
    """

    file: bytes
    pixels: int
    model_seconds: float


@dataclass(frozen=True)
class Suggestion:
    """The likely colours of a place in a photo.

    Attributes:
        colours: the most likely first.
        pixels, model_seconds: as in :class:`Result`.
    """

    colours: list[LikelyColour]
    pixels: int
    model_seconds: float


@dataclass(frozen=True)
class Form:
    """How results are written.

    Attributes:
        format: one of ``picture_kinds.RESULTS``, or ``layer``: a PNG of the colours alone, for an editor's blend mode.
        notes: what goes with them; None: nothing but the picture.
    """

    format: str = "jpeg"
    notes: "Notes | None" = None

    @property
    def is_plain(self) -> bool:
        """Whether it is a JPEG with nothing but the picture."""
        return self == Form()


class Colorizer:
    """Colorizes photos with one model, in any thread. The same photo with the same options gives the same bytes."""

    def __init__(
        self,
        model: Model,
        *,
        max_pixels: int,
        quality: int = JPEG_QUALITY,
        spread: bool = True,
        form: Form = Form(),
    ):
        """
        Args:
            max_pixels: width times height of a photo at most.
            quality: of the results' JPEG or WebP, 1 to 100.
            spread: whether all cores encode one photo together. That is sooner done but takes more of their time.
            form: how results are written.
        """
        self.model = model
        self._max_pixels, self._quality, self._form = max_pixels, quality, form
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
            ImageError: if the photo is cut off or damaged, or too large for the results' format.
            Busy, Abandoned: as the model's :meth:`~colorize_service.inference.model.Model.chroma`.
        """
        with photos_in_work.one_more():
            deep = photo.luma16() if self._form.format in DEEP_RESULTS else None
            luma = photo.luma() if deep is None else luma_in_8_bits(deep)
            small = shrink(luma, self.model.processing_size(*photo.size))
            started = time.perf_counter()
            chroma = self._chroma(small, options, turn)
            seconds = time.perf_counter() - started
            chroma = adjust(chroma, options.saturation, options.warmth)
            each = map if photos_in_work.crowded else self._map
            if self._form.is_plain:
                file = add_chroma(luma, chroma, self._quality, small, each)
            else:
                from colorize_service.imaging import results  # here, since the service has no other form

                planes = results.Planes(luma if deep is None else deep, chroma, small)
                metadata = photo.metadata(self._form.notes) if self._form.notes else None
                file = results.write(planes, self._form.format, self._quality, metadata, each)
            return Result(file, luma.size, seconds)

    def likely_colours(self, photo: Photo, x: float, y: float, turn: Turn = ANY_TIME) -> Suggestion:
        """The colours that the surface at a point most likely has, at the luma that the photo has there.

        Args:
            x, y: 0 to 1, in shares of the upright photo's width and height, as those of a hint.

        Raises:
            NothingSuggested: if the model does not tell them.
            ImageError: if the photo is cut off or damaged.
            Busy, Abandoned: as the model's :meth:`~colorize_service.inference.model.Model.distribution`.
        """
        with photos_in_work.one_more():
            small = shrink(photo.luma(), self.model.processing_size(*photo.size))
            started = time.perf_counter()
            found = self.model.distribution(small, turn)
            seconds = time.perf_counter() - started
            weights = surface(small, found.chroma, x, y)
            height, width = small.shape
            luma = int(small[min(int(y * height), height - 1), min(int(x * width), width - 1)])
            chances = np.einsum("qhw,hw->q", found.chances, weights / weights.sum())
            return Suggestion(likely_colours(luma, found.bins, chances), photo.size[0] * photo.size[1], seconds)

    def _chroma(self, small: NDArray[np.uint8], options: Options, turn: Turn) -> NDArray[np.uint8]:
        """The model's chroma with the user's own colours on top; those for what is similar it spreads itself."""
        to_spread = tuple(hint for hint in options.hints if hint.reach == "similar")
        chroma = self.model.chroma(small, replace(options, hints=to_spread), turn)
        on_top = [hint for hint in options.hints if hint.reach != "similar"]
        return blend_hints(small, chroma, on_top) if on_top else chroma
