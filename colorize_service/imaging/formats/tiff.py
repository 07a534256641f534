"""TIFF 6.0 and BigTIFF: which layouts are read, and what they look like in 8 bits.

A layout is read if it is one of those below, each of which is compared with a second reader in the tests, and refused
in its own name if it is not: a decoder that guesses gives a wrong picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats import jpeg
from colorize_service.imaging.formats import tiff_layout as tags
from colorize_service.imaging.formats.tiff_fax import read_fax
from colorize_service.imaging.formats.tiff_jpegs import read_jpegs
from colorize_service.imaging.formats.tiff_layout import FLOAT, INT, UINT, Layout, layout_of
from colorize_service.imaging.formats.tiff_parts import Part, Parts, read_parts
from colorize_service.imaging.levels import MOST_8, MOST_16, STRIP, Levels, Range, levels
from colorize_service.imaging.profiles import MAX_PROFILE_BYTES

#: Bits of a sample by photometric interpretation and kind of number.
DEPTHS = {
    (tags.BLACK_IS_ZERO, UINT): (1, 2, 4, 8, 12, 16, 24, 32, 64),
    (tags.BLACK_IS_ZERO, INT): (8, 16, 32, 64),
    (tags.BLACK_IS_ZERO, FLOAT): (16, 32, 64),
    (tags.RGB, UINT): (8, 16),
    (tags.PALETTE, UINT): (1, 2, 4, 8),
    (tags.CMYK, UINT): (8, 16),
    (tags.YCBCR, UINT): (8,),
    (tags.LAB, UINT): (8, 16),
}
#: Bits of a sample by predictor and kind of number, and the compressions that have predictors.
PREDICTED = {(2, UINT): (8, 16, 32, 64), (2, INT): (8, 16, 32, 64), (3, FLOAT): (16, 32, 64)}
PREDICTING = {5, 8, 32946, 34925, 50000}
#: What is white in numbers without a range of their own: the least of these that holds them all.
WHITES: dict[int, tuple[float, ...]] = {
    UINT: (2**8 - 1, 2**16 - 1, 2**24 - 1, 2**32 - 1, 2**64 - 1),
    INT: (2**8 - 1, 2**16 - 1),
    FLOAT: (1, 2**8 - 1, 2**16 - 1),
}
_BT_601, _FULL_RANGE = (0.299, 0.587, 0.114), [0, 255, 128, 255, 128, 255]
_COREL_ALPHA = 999


@dataclass(frozen=True)
class TiffSource:
    """A TIFF's page, as a :class:`~colorize_service.imaging.formats.source.Source`."""

    data: bytes
    layout: Layout
    size: tuple[int, int]
    orientation: int
    icc: bytes | None

    def decode(self, *, gray: bool) -> Image.Image:
        layout = self.layout
        if layout.compression == tags.OLD_STYLE_JPEG:
            return self._old_style_jpeg(gray)
        parts = Parts(self.data, layout)
        if layout.compression in tags.FAXES:
            ink = read_fax(parts) != 0
            return Image.fromarray(ink if layout.photometric else ~ink)
        alpha = _alpha_of(layout)
        return self._image(self._samples(parts, alpha, MOST_8), alpha[1] if alpha else 0)

    def decode_deep(self) -> npt.NDArray[np.uint16] | None:
        layout = self.layout
        if layout.bits <= 8 or layout.photometric not in (tags.WHITE_IS_ZERO, tags.BLACK_IS_ZERO, tags.RGB):
            return None
        alpha = _alpha_of(layout)
        samples = self._samples(Parts(self.data, layout), alpha, MOST_16).astype(np.uint16, copy=False)
        if alpha and alpha[1] == -1 and not samples[..., -1].any():
            return samples[..., :-1]  # as in `_image`
        if alpha and alpha[1] == 1:  # the colours are multiplied by it
            opaque = np.maximum(samples[..., -1:].astype(np.float32), 1)
            samples[..., :-1] = np.minimum(np.rint(samples[..., :-1] * (MOST_16 / opaque)), MOST_16)
        return samples

    def _samples(self, parts: Parts, alpha: tuple[int, int] | None, most: int) -> Levels:
        """The samples of the colours and of alpha, each as 0..`most`."""
        layout = self.layout
        colours = tags.COLOURS[layout.photometric]
        kept = list(range(colours)) + ([colours + alpha[0]] if alpha else [])
        if layout.compression == tags.JPEG and layout.photometric == tags.YCBCR:
            kept = [0, 1, 2]
        black, white = self._range(parts)
        pixels: Levels = np.empty((self.size[1], self.size[0], len(kept)), np.uint8 if most == MOST_8 else np.uint16)
        for plane, (left, top, samples) in self._read(parts, kept):
            here = pixels[top : top + samples.shape[0], left : left + samples.shape[1]]
            for i, sample in enumerate(kept):
                if layout.separate and sample != plane:
                    continue
                values = samples[..., 0 if layout.separate else sample]
                is_alpha = i >= colours
                low, high = (0.0, 2.0**layout.bits - 1) if is_alpha else (black, white)
                deep = most > MOST_8
                here[..., i] = levels(values, low, high, most) if deep else _in_8_bits(values, layout, low, high)
        return pixels

    def _read(self, parts: Parts, samples: list[int]) -> Iterator[tuple[int, Part]]:
        """The parts that hold these samples, some rows at a time: what is made of them takes several times as much."""
        planes = samples if self.layout.separate else [0]
        read = read_jpegs if self.layout.compression == tags.JPEG else read_parts
        for plane, (left, top, found) in read(parts, planes):
            rows = max(1, STRIP // found.shape[1])
            for row in range(0, found.shape[0], rows):
                yield plane, (left, top + row, found[row : row + rows])

    def _old_style_jpeg(self, gray: bool) -> Image.Image:
        """Of the kinds that TIFF 6.0 had, the one that everybody wrote: a whole JPEG somewhere in the file."""
        start, length = self.layout.one(tags.OLD_JPEG, 0), self.layout.one(tags.OLD_JPEG_LENGTH, 0)
        whole = self.data[start : start + length] if length else self.data[start:]
        if start <= 0 or not whole.startswith(b"\xff\xd8\xff"):
            raise self.layout.refusal()
        source = jpeg.read(whole)
        if source.size != self.size:
            raise ImageError("The TIFF is damaged: it says two different sizes.")
        image = source.decode(gray=gray)
        return image.convert("RGB") if image.mode == "RGBX" else image

    def _range(self, parts: Parts) -> tuple[float, float]:
        """The samples that are black and white."""
        layout = self.layout
        declared = _declared_range(layout)
        own = layout.form == UINT and layout.bits <= 16
        black, white = 0.0, float(2**layout.bits - 1)
        if declared or not own:
            found, colours = Range(), tags.COLOURS[layout.photometric]
            for _, (_, _, samples) in self._read(parts, list(range(colours))):
                found.add(samples[..., :colours])
            if declared and found.within(*declared):
                black, white = declared
            elif not own:
                black, white = found.ends(*WHITES[layout.form])
        return (white, black) if layout.photometric == tags.WHITE_IS_ZERO else (black, white)

    def _image(self, pixels: Levels, alpha: int) -> Image.Image:
        photometric = self.layout.photometric
        if photometric == tags.PALETTE:
            pixels = np.concatenate([self._palette()[pixels[..., 0]], pixels[..., 1:]], axis=2)
        if alpha == -1 and not pixels[..., -1].any():
            pixels, alpha = pixels[..., :-1], 0  # nobody said that it is alpha, and it is none
        if photometric in (tags.CMYK, tags.LAB) or (photometric == tags.YCBCR and self.layout.compression != tags.JPEG):
            mode = {tags.CMYK: "CMYK", tags.LAB: "LAB"}.get(photometric, "YCbCr")
        else:
            mode = "L" if pixels.shape[2] - (alpha != 0) == 1 else "RGB"
            mode += {0: "", 1: "a"}.get(alpha, "A")
        return Image.frombuffer(mode, self.size, np.ascontiguousarray(pixels), "raw", mode, 0, 1)

    def _palette(self) -> npt.NDArray[np.uint8]:
        colours = np.array(self.layout.tags.get(tags.COLOUR_MAP) or [], np.int64)
        if len(colours) != 3 << self.layout.bits:
            raise ImageError("The TIFF is damaged: its palette is not complete.")
        if colours.max() > 255:  # some write 8 bits
            colours >>= 8
        table = np.zeros((256, 3), np.uint8)
        table[: 1 << self.layout.bits] = colours.reshape(3, -1).T
        return table


def read(data: bytes) -> TiffSource:
    """Read the directory of the first full-size page.

    Raises:
        ImageError: it is cut off or damaged, or of a layout that is not read.
    """
    layout = layout_of(data)
    if not _is_read(layout):
        raise layout.refusal()
    at, length = (int(v) for v in layout.tags.get(tags.ICC) or (0, 0))
    orientation = layout.one(tags.ORIENTATION, 1)
    turn = orientation if 1 <= orientation <= 8 else 1
    icc = data[at : at + length] if length <= MAX_PROFILE_BYTES else b""
    return TiffSource(data, layout, layout.size, turn, icc or None)


def _is_read(layout: Layout) -> bool:
    """Whether the layout is one of those that are known to come out right."""
    photometric, compression = layout.photometric, layout.compression
    key = tags.BLACK_IS_ZERO if photometric == tags.WHITE_IS_ZERO else photometric
    if layout.bits not in DEPTHS.get((key, layout.form), ()):
        return False
    if compression in tags.FAXES:
        return key == tags.BLACK_IS_ZERO and layout.bits == 1 and layout.samples == 1
    if compression in (tags.JPEG, tags.OLD_STYLE_JPEG):
        joint = not (layout.separate and photometric == tags.YCBCR)  # planes of different sizes else
        return layout.bits == 8 and not layout.extra and joint and photometric not in (tags.PALETTE, tags.LAB)
    known = compression == tags.NONE or compression in tags.PACKED
    straight = layout.one(tags.FILL_ORDER, 1) == 1  # bits from the highest to the lowest
    return known and straight and _is_predictor_read(layout) and _are_samples_read(layout, key)


def _is_predictor_read(layout: Layout) -> bool:
    return layout.predictor == 1 or (
        layout.compression in PREDICTING and layout.bits in PREDICTED.get((layout.predictor, layout.form), ())
    )


def _are_samples_read(layout: Layout, key: int) -> bool:
    if layout.extra and not (layout.form == UINT and layout.bits in (8, 16)):
        return False
    if key == tags.PALETTE:
        return not layout.separate or layout.bits == 8
    if key == tags.CMYK:
        return layout.one(tags.INK_SET, 1) == 1 and all(value in (0, -1) for value in layout.extra)
    if key == tags.YCBCR:
        coefficients, reference = layout.tags.get(tags.COEFFICIENTS), layout.tags.get(tags.REFERENCE)
        return (
            not layout.extra
            and layout.tags.get(tags.SUBSAMPLING) == [1, 1]
            and (not reference or np.allclose(reference, _FULL_RANGE, atol=1))
            and (not coefficients or np.allclose(coefficients, _BT_601, atol=0.002))
        )
    return key != tags.LAB or not layout.extra


def _alpha_of(layout: Layout) -> tuple[int, int] | None:
    """Which of the extra samples is alpha, and whether the colours are multiplied by it (1) or not (2), or nobody says
    what it is (-1)."""
    for i, value in enumerate(layout.extra):
        if value in (1, 2):
            return i, value
        if value == _COREL_ALPHA:
            return i, 2
    if layout.photometric == tags.RGB and layout.extra[:1] == (-1,):
        return 0, -1
    return None


def _declared_range(layout: Layout) -> tuple[float, float] | None:
    """Black and white as the file says, where that makes sense: as a range that leaves out the highest bit at least."""
    if layout.photometric not in (tags.WHITE_IS_ZERO, tags.BLACK_IS_ZERO, tags.RGB) or layout.bits <= 8:
        return None
    highs = layout.tags.get(tags.S_MAX_SAMPLE) or layout.tags.get(tags.MAX_SAMPLE)
    lows = layout.tags.get(tags.S_MIN_SAMPLE) or layout.tags.get(tags.MIN_SAMPLE) or [0]
    if not highs or len({*highs}) > 1 or len({*lows}) > 1:
        return None
    low, high = float(lows[0]), float(highs[0])
    if not (np.isfinite([low, high]).all() and low < high):
        return None
    if layout.form == UINT and not (low >= 0 and 255 <= high < 2 ** (layout.bits - 1)):
        return None
    return low, high


def _in_8_bits(values: np.ndarray, layout: Layout, black: float, white: float) -> np.ndarray:
    if layout.photometric == tags.PALETTE or (layout.bits == 8 and layout.form == UINT and black == 0):
        return values
    if layout.photometric == tags.LAB:
        return values >> 8 if layout.bits == 16 else values
    return levels(values, black, white)
