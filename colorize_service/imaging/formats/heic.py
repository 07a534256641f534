"""HEIC: the primary picture, through libheif where it is installed."""

import struct
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.boxes import Boxes, boxes_of, without_metadata
from colorize_service.imaging.formats.hevc import check_unit, units
from colorize_service.imaging.formats.pillow import blame, needs_library
from colorize_service.imaging.levels import MOST_16, levels

#: A part of a picture that is larger than the picture itself may still have so many pixels (a tile of a small one).
MAX_PART = 1 << 20
#: How much larger a picture may be than the piece of it that is shown.
MAX_CROP = 4
#: Tiles of a picture.
MAX_TILES = 4_096

# Where a decoder's configuration has the luma's bits less 8 (ISO/IEC 14496-15, 8.3.3.1).
_DEPTH = 17
# Samples of a pixel in the library's modes of more than 8 bits.
_SAMPLES = {"I": 1, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class HeicSource:
    """The primary picture of a HEIC, as a :class:`~colorize_service.imaging.formats.source.Source`.

    libheif turns it upright, by what the file itself says; EXIF has no say in this format (ISO/IEC 23008-12, A.2.4).
    """

    data: bytes
    boxes: Boxes
    size: tuple[int, int]
    icc: bytes | None
    orientation: int = 1

    def decode(self, *, gray: bool) -> Image.Image:
        _check_items(self.data, self.boxes)
        with blame("HEIC"):
            found = self._found()
            image: Image.Image = Image.frombytes(
                found.mode, found.size, bytes(found.data), "raw", found.mode, found.stride
            )
            return image

    def decode_deep(self) -> NDArray[np.uint16] | None:
        if not any(len(box) > _DEPTH and box[_DEPTH] & 7 for box in self.boxes.named(b"hvcC")):
            return None
        _check_items(self.data, self.boxes)
        with blame("HEIC"):
            found = self._found(convert_hdr_to_8bit=False, hdr_to_16bit=False)
            mode, _, bits = found.mode.partition(";")
            if mode not in _SAMPLES or not bits:
                return None
            samples = np.asarray(found).reshape(*found.size[::-1], _SAMPLES[mode])
            return levels(samples, 0, 2 ** int(bits) - 1, MOST_16).astype(np.uint16, copy=False)

    def _found(self, **options: bool) -> Any:
        """The primary picture as the library decodes it. What it says of the size may be another afterwards."""
        heif = _library().HeifFile(without_metadata(self.data, self.boxes), **options)
        found = heif[heif.primary_index]
        if found.size == self.size:
            found.load()
        if found.size != self.size:
            raise ImageError("The HEIC is damaged: it says two different sizes.")
        return found


def _library() -> ModuleType:
    try:
        import pi_heif
    except ImportError as error:
        raise needs_library("HEIC") from error
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    pi_heif.options.DECODE_THREADS = 1
    module: ModuleType = pi_heif
    return module


def read(data: bytes) -> HeicSource:
    """Read the boxes of a HEIC: nothing is decoded.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported, or there is no library for it.
    """
    boxes = boxes_of(data)
    _library()
    kind = boxes.kind(data, boxes.primary)
    if not kind or not boxes.properties.get(b"ispe"):
        raise ImageError("The HEIC is cut off or damaged: its picture is not found.")
    if kind not in (b"hvc1", b"grid"):
        raise ImageError("This kind of HEIC is not supported; a plain photo is.")
    width, height = struct.unpack_from(">II", boxes.properties[b"ispe"][0], 4)
    size = _upright(width, height, boxes)
    pixels = max((w * h for w, h in boxes.sizes), default=0)
    if len(boxes.items) > MAX_TILES or pixels > max(width * height, MAX_PART):
        raise ImageError("The HEIC is damaged: its parts are larger than the picture.")
    if width * height > max(MAX_CROP * size[0] * size[1], MAX_PART):
        raise ImageError("This kind of HEIC is not supported: its picture is a small piece of a larger one.")
    return HeicSource(data, boxes, size, boxes.icc())


def _upright(width: int, height: int, boxes: Boxes) -> tuple[int, int]:
    """The size after the crop and the turn (ISO/IEC 23008-12, 6.5)."""
    for crop in boxes.properties.get(b"clap", []):
        across, by, down, by_ = struct.unpack_from(">4I", crop, 0)
        width, height = across // max(1, by), down // max(1, by_)
    for turn in boxes.properties.get(b"irot", []):
        if turn[0] & 1:
            width, height = height, width
    return width, height


def _check_items(data: bytes, boxes: Boxes) -> None:
    """Whether the pixels of each part lie in the file, without a hole."""
    size = max(boxes.sizes, key=max)
    for item in boxes.items:
        if boxes.kind(data, item) != b"hvc1":
            continue
        pieces = [memoryview(data)[start : start + length] for start, length in boxes.extents.get(item, [])]
        if not pieces or any(len(p) < n for p, (_, n) in zip(pieces, boxes.extents[item], strict=True)):
            raise ImageError("The HEIC is cut off: its end is missing.")
        whole = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        for unit in units(whole, 4):
            check_unit(unit, size)
    for parameters in boxes.named(b"hvcC"):
        _check_parameters(parameters, size)


def _check_parameters(box: memoryview, size: tuple[int, int]) -> None:
    """The parameter sets in a decoder's configuration (ISO/IEC 14496-15, 8.3.3.1)."""
    at = 23
    for _ in range(box[22] if len(box) > 22 else 0):
        (count,) = struct.unpack_from(">H", box, at + 1)
        at += 3
        for _ in range(min(count, 64)):
            (length,) = struct.unpack_from(">H", box, at)
            check_unit(box[at + 2 : at + 2 + length], size)
            at += 2 + length
