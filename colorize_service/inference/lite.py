"""ColorizeNet-Lite: one ONNX graph from lightness to chroma."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from colorize_service import colour
from colorize_service.bundle import Bundle, Size
from colorize_service.inference.hint_planes import hint_planes
from colorize_service.inference.model import Distribution, NothingSuggested, Setup
from colorize_service.inference.onnx_runtime import ort
from colorize_service.inference.session import device_of, new_session, open_session
from colorize_service.inference.turn import ANY_TIME, Turn
from colorize_service.options import Options
from colorize_service.process import photos_in_work

Floats = NDArray[np.float32]

#: Up to so many threads ONNX Runtime's results have the same bits as with one. With more it splits a matrix product
#: otherwise, and a photo would not get the same colours in a crowd.
MOST_THREADS_ALIKE = 4


class Processing(msgspec.Struct, frozen=True):
    """The manifest's ``processing``: what determines the size in pixels at which the model sees a photo.

    Attributes:
        shorter_side: the best length of the shorter side.
        multiple_of: both sides are multiples of it.
        max_pixels: width times height at most.
    """

    shorter_side: Size
    multiple_of: Size
    max_pixels: Size

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height for a photo of ``width`` × ``height``, of about the same shape.

        The shorter side has its best length, or less if the photo is so long that it would exceed ``max_pixels``.
        """
        step = self.multiple_of
        ratio = max(width, height) / min(width, height)
        shorter = max(step, min(self.shorter_side, int(math.sqrt(self.max_pixels / ratio))) // step * step)
        longer = min(round(shorter * ratio / step) * step, self.max_pixels // shorter // step * step)
        return (longer, shorter) if width >= height else (shorter, longer)


class Lite:
    """Bundle kind ``lite``, with one file, ``model``; a :class:`~colorize_service.inference.model.Model`.

    The graph's inputs are ``luminance``, float32 (n, 1, h, w), L* in 0 to 100, and ``hints``, float32 (n, 3, h, w), a*,
    b* and a mask; its output is ``ab``, float32 (n, 2, h', w'), a* and b*. A second one that it may have, ``logits``,
    float32 (n, q, h', w'), says how likely which colours are, whose a* and b* are in the file's metadata, as JSON in
    ``bins``. What a photo's colours need computes it anyhow.
    """

    title: ClassVar[str] = "ColorizeNet-Lite"
    takes: ClassVar[tuple[str, ...]] = ("hints",)
    side_by_side: ClassVar[bool] = True
    turns = 1

    def __init__(self, bundle: Bundle, setup: Setup):
        self._processing = bundle.section("processing", Processing)
        self._path, self._threads = bundle.path("model"), setup.threads
        self._session = self._session_in_a_crowd = open_session(self._path, setup.device, setup.threads)
        self.device = device_of(self._session)
        self.defaults = Options()
        self._bins = _bins(self._session)
        self.suggests = self._bins is not None

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        return self._processing.size(width, height)

    def warm_up(self) -> None:
        if self.device == "cpu" and 1 < self._threads <= MOST_THREADS_ALIKE:
            self._session_in_a_crowd = new_session(self._path, 1, None)
        self.chroma(np.full(self.processing_size(1, 1), 128, np.uint8))

    def chroma(self, luma: NDArray[np.uint8], options: Options = Options(), turn: Turn = ANY_TIME) -> NDArray[np.uint8]:
        (chroma,) = self.chroma_batch([(luma, options)])
        return chroma

    def chroma_batch(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[NDArray[np.uint8]]:
        lightness = colour.lightness(np.stack([luma for luma, _ in photos]))
        hints = [hint_planes(options.hints, *luma.shape) for luma, options in photos]
        (ab,) = self._run(["ab"], lightness, np.stack(hints))
        return [colour.chroma(*each) for each in zip(lightness, ab, strict=True)]

    def distribution(self, luma: NDArray[np.uint8], turn: Turn = ANY_TIME) -> Distribution:
        if self._bins is None:
            raise NothingSuggested(self)
        lightness = colour.lightness(luma)
        (ab,), (logits,) = self._run(["ab", "logits"], lightness[None], hint_planes((), *luma.shape)[None])
        chances = np.exp(logits - logits.max(axis=0))
        chances /= chances.sum(axis=0)
        return Distribution(self._bins, chances, colour.chroma(lightness, ab))

    def _run(self, outputs: list[str], lightness: Floats, hints: Floats) -> Any:
        session = self._session_in_a_crowd if photos_in_work.crowded else self._session
        return session.run(outputs, {"luminance": lightness[:, None], "hints": hints})


def _bins(session: ort.InferenceSession) -> Floats | None:
    """a* and b* of what the logits stand for, float32 (q, 2); None where the graph does not have them."""
    bins = session.get_modelmeta().custom_metadata_map.get("bins")
    if bins is None or "logits" not in {output.name for output in session.get_outputs()}:
        return None
    return np.array(msgspec.json.decode(bins, type=list[tuple[float, float]]), np.float32)
