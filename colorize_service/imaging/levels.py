"""Samples of any depth as 8 or 16 bits."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

STRIP = 1 << 19  # pixels at a time, where more than 8 bits go through NumPy

Samples = npt.NDArray[np.generic]


#: Of 8 or 16 bits.
Levels = npt.NDArray[np.unsignedinteger[Any]]

MOST_8, MOST_16 = 255, 65535


def levels(samples: Samples, black: float, white: float, most: int = MOST_8) -> Levels:
    """`samples` of any numbers as 0..`most`: `black` and what is below is 0, `white` and what is above is `most`.

    Args:
        most: 255 gives uint8, 65535 uint16.
    """
    if samples.dtype.kind in "ui" and samples.dtype.itemsize <= 2:
        count = 256**samples.dtype.itemsize
        low = 0 if samples.dtype.kind == "u" else -count // 2
        table = _table(low, low + count, black, white, most)
        found: Levels = table[samples if low == 0 else samples.astype(np.intp) - low]
        return found
    return _scaled(samples, black, white, most)


@functools.lru_cache(16)
def _table(low: int, high: int, black: float, white: float, most: int) -> Levels:
    return _scaled(np.arange(low, high), black, white, most)


def _scaled(samples: Samples, black: float, white: float, most: int) -> Levels:
    with np.errstate(all="ignore"):  # no number in a file is so odd that it should be a warning in the log
        scaled = (samples.astype(np.float64) - black) * (most / (white - black)) + 0.5
        whole = np.nan_to_num(scaled, nan=0, posinf=most, neginf=0).clip(0, most)
        return whole.astype(np.uint8 if most == MOST_8 else np.uint16)


def luma_in_8_bits(luma: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Luma of 16 bits in 8: uint8 of the same shape."""
    return levels(luma, 0, MOST_16).astype(np.uint8, copy=False)


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
    gray = _gray(image, MOST_8)
    return image if gray is None else Image.fromarray(gray)


def in_16_bits(image: Image.Image) -> npt.NDArray[np.uint16] | None:
    """The same in 16 bits, as an array (height, width); None for other modes."""
    gray = _gray(image, MOST_16)
    return None if gray is None else gray.astype(np.uint16, copy=False)


def _gray(image: Image.Image, most: int) -> Levels | None:
    if image.mode.startswith("I"):  # of 32 bits too, where Pillow puts samples of 16
        low, high = 0.0, 65535.0
    elif image.mode == "F":
        found = Range()
        for _, _, samples in _strips(image):
            found.add(samples)
        low, high = found.ends(1, 255, 65535)
    else:
        return None
    gray: Levels = np.empty((image.height, image.width), np.uint8 if most == MOST_8 else np.uint16)
    for top, bottom, samples in _strips(image):
        gray[top:bottom] = levels(samples, low, high, most)
        if "transparency" in image.info:
            gray[top:bottom][samples == image.info["transparency"]] = most
    return gray


def _strips(image: Image.Image) -> Iterator[tuple[int, int, Samples]]:
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield top, bottom, np.asarray(image.crop((0, top, image.width, bottom)))
