"""Samples of any depth as 8 bits."""

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

STRIP = 1 << 19  # pixels at a time, where more than 8 bits go through NumPy

Samples = npt.NDArray[np.generic]


def levels(samples: Samples, black: float, white: float) -> npt.NDArray[np.uint8]:
    """`samples` of any numbers as 0..255: `black` and what is below is 0, `white` and what is above is 255."""
    if samples.dtype.kind in "ui" and samples.dtype.itemsize <= 2:
        count = 256**samples.dtype.itemsize
        low = 0 if samples.dtype.kind == "u" else -count // 2
        table = _table(low, low + count, black, white)
        return table[samples if low == 0 else samples.astype(np.intp) - low]
    return _scaled(samples, black, white)


@functools.lru_cache(16)
def _table(low: int, high: int, black: float, white: float) -> npt.NDArray[np.uint8]:
    return _scaled(np.arange(low, high), black, white)


def _scaled(samples: Samples, black: float, white: float) -> npt.NDArray[np.uint8]:
    with np.errstate(all="ignore"):  # no number in a file is so odd that it should be a warning in the log
        scaled = (samples.astype(np.float64) - black) * (255 / (white - black)) + 0.5
        return np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


class Range:
    """Black and white of a picture in numbers that have no range of their own, from all of its samples."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf

    def add(self, samples: Samples) -> None:
        """Look at some samples. Infinite numbers do not count."""
        finite = samples[np.isfinite(samples)]
        if finite.size:
            self._low, self._high = min(self._low, float(finite.min())), max(self._high, float(finite.max()))

    def within(self, low: float, high: float) -> bool:
        """Whether no sample is below or above."""
        return low <= self._low and self._high <= high

    def ends(self, *whites: float) -> tuple[float, float]:
        """0 and the least of `whites` that holds all samples; where none does, and where there are negative numbers,
        the least and the greatest sample."""
        if self._low >= 0:
            for white in whites:
                if self._high <= white:
                    return 0, white
        return self._low, self._high if self._high > self._low else self._low + 1


def in_8_bits(image: Image.Image) -> Image.Image:
    """Modes with more than 8 bits a sample as L, their whole range scaled to 0..255; other modes as they are."""
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    elif image.mode in ("I", "F"):
        found = Range()
        for _, _, samples in _strips(image):
            found.add(samples)
        low, high = found.ends(*((255, 65535) if image.mode == "I" else (1, 255, 65535)))
    else:
        return image
    gray = np.empty((image.height, image.width), np.uint8)
    for top, bottom, samples in _strips(image):
        gray[top:bottom] = levels(samples, low, high)
        if "transparency" in image.info:
            gray[top:bottom][samples == image.info["transparency"]] = 255
    return Image.fromarray(gray)


def _strips(image: Image.Image) -> Iterator[tuple[int, int, Samples]]:
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield top, bottom, np.asarray(image.crop((0, top, image.width, bottom)))
