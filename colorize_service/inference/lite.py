"""ColorizeNet-Lite: one ONNX graph from lightness to chroma."""

import math
from typing import ClassVar

import msgspec
import numpy as np

from colorize_service.inference import colour
from colorize_service.inference.bundle import Bundle, Size
from colorize_service.inference.hints import planes
from colorize_service.inference.options import Options, Setup
from colorize_service.inference.queue import Turn
from colorize_service.inference.session import device_of, open_session


class Processing(msgspec.Struct):
    """The size in pixels at which the model sees a picture."""

    shorter_side: Size
    multiple_of: Size
    max_pixels: Size


class Lite:
    """Bundle kind ``lite``: a file ``model``. Inputs ``luminance`` float32 (n, 1, h, w), L* in 0…100, and ``hints``
    float32 (n, 3, h, w), a*, b* and a mask; output ``ab`` float32 (n, 2, h', w'), a* and b*."""

    title: ClassVar = "ColorizeNet-Lite"
    fields: ClassVar = ("hints",)
    turns: ClassVar = 1
    side_by_side: ClassVar = True  # runs may overlap

    def __init__(self, bundle: Bundle, setup: Setup):
        self._processing = bundle.section("processing", Processing)
        self._session = open_session(bundle.path("model"), setup.device, setup.threads)
        self.device = device_of(self._session)
        self.defaults = Options(hints=())

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in pixels at which the model sees a picture of ``width`` × ``height``."""
        return _fit(width, height, self._processing)

    def warm_up(self) -> None:
        """Colorize one picture."""
        self.chroma(np.full(self.processing_size(1, 1), 128, np.uint8))

    def chroma(self, luma: np.ndarray, options: Options = Options(), turn: Turn | None = None) -> np.ndarray:
        """Chroma of a gray picture: uint8 (h, w) luma at a processing size -> uint8 (h', w', 2), Cb and Cr."""
        lightness = colour.lightness(luma)
        hints = options.or_else(self.defaults).hints
        feed = {"luminance": lightness[None, None], "hints": planes(hints, *luma.shape)[None]}
        (ab,) = self._session.run(["ab"], feed)
        return colour.chroma(lightness, ab[0])


def _fit(width: int, height: int, processing: Processing) -> tuple[int, int]:
    """The picture's shape with its shorter side at the model's best size, in whole multiples of what the graph takes;
    a strip keeps its shape and gets smaller instead, to stay within the pixels that a run may take."""
    step, most = processing.multiple_of, processing.max_pixels
    ratio = max(width, height) / min(width, height)
    shorter = max(step, min(processing.shorter_side, int(math.sqrt(most / ratio))) // step * step)
    longer = min(round(shorter * ratio / step) * step, most // shorter // step * step)
    return (longer, shorter) if width >= height else (shorter, longer)
