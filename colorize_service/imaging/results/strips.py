"""The pixels of a result in strips, so that all cores may pack them and none has to hold them all."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from colorize_service.imaging.levels import Levels
from colorize_service.imaging.results.pixels import Pixels, layer

#: Pixels of a strip.
STRIP = 1 << 18

Rows = Levels  # (rows, width, samples)
Packed = TypeVar("Packed")
#: The built-in `map`, or the `map` of a pool.
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class Strips:
    """A result's pixels.

    Attributes:
        size: width and height.
        samples: of a pixel: red, green, blue and, of a layer, alpha.
        bits: of a sample.
        rows: of each strip but the last.
    """

    def __init__(self, pixels: Pixels, run: Map, as_layer: bool):
        """``run``: runs the packing of the strips."""
        height, width = pixels.luma.shape
        self.size, self.samples = (width, height), 4 if as_layer else 3
        self.bits = 8 * pixels.luma.dtype.itemsize
        self.rows = max(1, STRIP // width)
        self._pixels, self._run, self._as_layer = pixels, run, as_layer

    def each(self, pack: Callable[[Rows], Packed]) -> Iterator[Packed]:
        """What ``pack`` makes of each strip, top to bottom."""

        def one(top: int) -> Packed:
            rgb = self._pixels.rgb(top, min(top + self.rows, self.size[1]))
            return pack(layer(rgb) if self._as_layer else rgb)

        tops = range(0, self.size[1], self.rows)
        yield from (self._run if len(tops) > 1 else map)(one, tops)
