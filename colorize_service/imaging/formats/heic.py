"""HEIC: the primary picture, through libheif where it is installed."""

import struct
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.boxes import shown_items
from colorize_service.imaging.formats.heif import MAX_PART, check_crop, check_grids, check_whole, written
from colorize_service.imaging.formats.hevc import check_unit, units
from colorize_service.imaging.formats.items import Item, Items
from colorize_service.imaging.formats.pillow import blame, needs_library
from colorize_service.imaging.levels import MOST_16, levels

#: Tiles of a picture, units of all their pixels, and sets of parameters.
MAX_TILES = 4_096
MAX_UNITS = 16_384
MAX_PARAMETERS = 256

# Where a decoder's configuration has the luma's bits less 8 (ISO/IEC 14496-15, 8.3.3.1).
_DEPTH = 17
# Samples of a pixel in the library's modes of more than 8 bits.
_SAMPLES = {"I": 1, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class HeicSource:
    """The primary picture of a HEIC, as a :class:`~colorize_service.imaging.formats.source.Source`.

    libheif turns it upright, by what the file itself says; EXIF has no say in this format (ISO/IEC 23008-12, A.2.4).
    """

    items: Items
    size: tuple[int, int]
    icc: bytes | None
    orientation: int = 1

    def decode(self, *, gray: bool) -> Image.Image:
        _check_items(self.items)
        with blame("HEIC"):
            found = self._found()
            image: Image.Image = Image.frombytes(
                found.mode, found.size, bytes(found.data), "raw", found.mode, found.stride
            )
            return image

    def decode_deep(self) -> NDArray[np.uint16] | None:
        configurations = [box for item in self.items.values() for box in item.named(b"hvcC")]
        if not any(len(box) > _DEPTH and box[_DEPTH] & 7 for box in configurations):
            return None
        _check_items(self.items)
        with blame("HEIC"):
            found = self._found(convert_hdr_to_8bit=False, hdr_to_16bit=False)
            mode, _, bits = found.mode.partition(";")
            if mode not in _SAMPLES or not bits:
                return None
            samples = np.asarray(found).reshape(*found.size[::-1], _SAMPLES[mode])
            return levels(samples, 0, 2 ** int(bits) - 1, MOST_16).astype(np.uint16, copy=False)

    def _found(self, **options: bool) -> Any:
        """The primary picture as the library decodes it. What it says of the size may be another afterwards."""
        heif = _library().HeifFile(written(self.items, b"heic"), **options)
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
    items = shown_items(data)
    _library()
    primary = next(iter(items.values()), None)
    coded = primary.size() if primary else None
    if primary is None or coded is None:
        raise ImageError("The HEIC is cut off or damaged: its picture is not found.")
    if any(item.kind not in (b"hvc1", b"grid") for item in items.values()):
        raise ImageError("This kind of HEIC is not supported; a plain photo is.")
    width, height = coded
    size = _upright(width, height, primary)
    sizes = [part.size() or (0, 0) for part in items.values()]
    if len(items) > MAX_TILES or max(w * h for w, h in sizes) > max(width * height, MAX_PART):
        raise ImageError("The HEIC is damaged: its parts are larger than the picture.")
    check_crop("HEIC", coded, size)
    check_grids("HEIC", items)
    return HeicSource(items, size, primary.icc())


def _upright(width: int, height: int, item: Item) -> tuple[int, int]:
    """The size after the crop and the turn (ISO/IEC 23008-12, 6.5)."""
    if crop := item.crop():
        width, height = crop[2] - crop[0], crop[3] - crop[1]
    for turn in item.named(b"irot"):
        if turn[0] & 1:
            width, height = height, width
    return width, height


def _check_items(items: Items) -> None:
    """Whether the pixels of each part lie in the file, without a hole."""
    check_whole("HEIC", items)
    left, seen = MAX_UNITS, set[tuple[bytes, tuple[int, int]]]()
    for item in items.values():
        if item.kind != b"hvc1":
            continue
        size = item.size() or (0, 0)
        for unit in units(memoryview(item.payload()), 4):
            check_unit(unit, size)
            left -= 1
            if left < 0:
                raise ImageError("The HEIC is damaged: its pixels are made of too many pieces.")
        for parameters in item.named(b"hvcC"):
            if (bytes(parameters), size) not in seen:
                seen.add((bytes(parameters), size))
                _check_parameters(parameters, size)


def _check_parameters(box: memoryview, size: tuple[int, int]) -> None:
    """The parameter sets in a decoder's configuration (ISO/IEC 14496-15, 8.3.3.1)."""
    at, left = 23, MAX_PARAMETERS
    for _ in range(box[22] if len(box) > 22 else 0):
        (count,) = struct.unpack_from(">H", box, at + 1)
        at += 3
        for _ in range(count):
            left -= 1
            if left < 0:
                raise ImageError("The HEIC is damaged: its header is made of too many pieces.")
            (length,) = struct.unpack_from(">H", box, at)
            check_unit(box[at + 2 : at + 2 + length], size)
            at += 2 + length
