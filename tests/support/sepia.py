"""A third kind of model: the whole photo gets one colour, that of the bundle or of the first hint."""

import msgspec
import numpy as np

from colorize_service import colour
from colorize_service.bundle import Size
from colorize_service.inference.turn import ANY_TIME
from colorize_service.options import Options


class Processing(msgspec.Struct):
    """The manifest's ``processing``: the side in pixels of the square that the model sees."""

    side: Size


class Sepia:
    """Bundle kind ``sepia``, with one file, ``tint``: a byte each for Cb and Cr."""

    title = "Sepia"
    takes = ("hints",)
    side_by_side = True
    turns = 1
    suggests = False
    device = "cpu"
    defaults = Options(hints=())

    def __init__(self, bundle, setup):
        self._side = bundle.section("processing", Processing).side
        self._tint = np.frombuffer(bundle.path("tint").read_bytes(), np.uint8)
        self.warm = False

    def processing_size(self, width, height):
        return self._side, self._side

    def warm_up(self):
        self.warm = True

    def chroma(self, luma, options=Options(), turn=ANY_TIME):
        tint = self._tint
        if options.hints:
            ab = np.float32(colour.ab_of(options.hints[0].rgb))[:, None, None]
            tint = colour.chroma(np.full((1, 1), 50, np.float32), ab)[0, 0]
        return np.broadcast_to(tint, (4, 4, 2))

    def chroma_batch(self, photos):
        return [self.chroma(*photo) for photo in photos]
