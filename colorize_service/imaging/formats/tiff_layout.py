"""The directory of a TIFF's first full-size page, and what its samples are.

The directory is read here, and of it only what the pixels and the upright position need; all other tags may hold what
they like. The pixels come from :mod:`colorize_service.imaging.formats.tiff_parts`.
"""

import struct
from dataclasses import dataclass

import numpy as np

from colorize_service.imaging.errors import ImageError

#: Entries of a directory, and directories that are looked at.
MAX_ENTRIES = 4_096
MAX_PAGES = 1_024
#: Strips or tiles, and other values of a tag; and how many of those that are not as many as strips are read.
MAX_VALUES = 65_536
FEW_VALUES = 128

# Tags by their numbers.
SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 266, 273, 274, 277, 278, 279
MIN_SAMPLE, MAX_SAMPLE, PLANES, T4_OPTIONS, T6_OPTIONS, PREDICTOR, COLOUR_MAP = 280, 281, 284, 292, 293, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, SUB_DIRECTORIES, INK_SET = 322, 323, 324, 325, 330, 332
EXTRA_SAMPLES, SAMPLE_FORMAT, S_MIN_SAMPLE, S_MAX_SAMPLE, JPEG_TABLES = 338, 339, 340, 341, 347
OLD_JPEG, OLD_JPEG_LENGTH, COEFFICIENTS, SUBSAMPLING, REFERENCE, ICC = 513, 514, 529, 530, 532, 34675

_NEEDED = {
    *(SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION),
    *(SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS, MIN_SAMPLE, MAX_SAMPLE, PLANES, T4_OPTIONS, T6_OPTIONS, PREDICTOR),
    *(COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, SUB_DIRECTORIES, INK_SET, EXTRA_SAMPLES),
    *(SAMPLE_FORMAT, S_MIN_SAMPLE, S_MAX_SAMPLE, JPEG_TABLES, OLD_JPEG, OLD_JPEG_LENGTH, COEFFICIENTS, SUBSAMPLING),
    *(REFERENCE, ICC),
}
# What the pixels do not need may be of any type: where it is of one that makes no sense, it is not there.
_SPARE = {ORIENTATION, MIN_SAMPLE, MAX_SAMPLE, S_MIN_SAMPLE, S_MAX_SAMPLE, ICC, SUBFILE, OLD_SUBFILE, SUB_DIRECTORIES}
# As many values as there are strips or tiles.
_OF_PARTS = {STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS}
# What says whether a page is a reduced copy of another.
_KIND = {SUBFILE, OLD_SUBFILE, SUB_DIRECTORIES}
# NumPy's types by the numbers of TIFF's (2 is text, 5 and 10 are fractions of two numbers).
_TYPES = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4"}
_TYPES |= {16: "u8", 17: "i8", 18: "u8", 5: "u4", 10: "i4"}

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
#: Samples of a pixel without the extra ones, by photometric interpretation.
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3}
_RAW = {32803, 34892}  # colour filter array, linear raw
_PHOTOMETRICS = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}

NONE, FAX_2D, OLD_STYLE_JPEG, JPEG = 1, 4, 6, 7
FAXES = {2: "fax", 3: "fax", 4: "fax"}
#: What Pillow unpacks to bytes, whatever these mean.
PACKED = {5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}

DEFLATES = {8, 32946}

UINT, INT, FLOAT = 1, 2, 3
_FORMATS = {UINT: "unsigned integers", INT: "signed integers", FLOAT: "floating-point numbers"}

Values = list[int] | list[float]


@dataclass(frozen=True)
class Layout:
    """What the samples of a page are.

    Attributes:
        order: ``<`` or ``>``, the bytes' order.
        directory: where the page's directory stands.
        tags: values of the tags that are needed, by number.
        size: width and height in pixels.
        bits, form, samples: of a sample: its bits and what kind of number it is; samples of a pixel.
        photometric, compression, predictor: the tags' values.
        separate: whether each sample has a plane of its own.
        extra: what the samples behind the colours are: 0 anything, 1 alpha that colours are multiplied by, 2 alpha.
    """

    order: str
    directory: int
    tags: dict[int, Values]
    size: tuple[int, int]
    bits: int
    form: int
    samples: int
    photometric: int
    compression: int
    predictor: int
    separate: bool
    extra: tuple[int, ...]

    def one(self, tag: int, default: int) -> int:
        return _one(self.tags, tag, default)

    def refusal(self) -> ImageError:
        """Why this layout is not read, in its own name."""
        kind = _PHOTOMETRICS.get(self.photometric, f"photometric interpretation {self.photometric}")
        planes = " in separate planes" if self.separate else ""
        extra = f" with {len(self.extra)} extra" if self.extra else ""
        packed = FAXES | PACKED | {NONE: "", OLD_STYLE_JPEG: "old-style JPEG", JPEG: "JPEG"}
        how = packed.get(self.compression, f"compression {self.compression}")
        if self.predictor != 1:
            how += f" with predictor {self.predictor}"
        numbers = _FORMATS.get(self.form, f"samples of format {self.form}")
        return ImageError(
            f"This kind of TIFF is not supported: {kind}{extra}, {self.bits}-bit {numbers}{planes}"
            f"{', ' + how if how else ''}. Save it as a plain 8-bit or 16-bit TIFF."
        )


def _one(tags: dict[int, Values], tag: int, default: int) -> int:
    values = tags.get(tag)
    return int(values[0]) if values else default


def layout_of(data: bytes) -> Layout:
    """The layout of the first page that is no reduced copy of another.

    Raises:
        ImageError: the directory is cut off or damaged, or the page is a camera's raw data.
    """
    order, at, tags = _first_page(data)
    size = _one(tags, WIDTH, 0), _one(tags, HEIGHT, 0)
    photometric = _one(tags, PHOTOMETRIC, -1)
    if photometric in _RAW:
        raise ImageError("Sorry, camera raw pictures are not supported. Develop it and send a JPEG.")
    if photometric < 0:
        raise ImageError("The TIFF is damaged: it does not say how its samples are meant.")
    samples = _one(tags, SAMPLES, 1)
    bits, forms = tags.get(BITS) or [1], tags.get(SAMPLE_FORMAT) or [UINT]
    extra = [int(value) for value in tags.get(EXTRA_SAMPLES) or []]
    colours = COLOURS.get(photometric, samples)
    if not 1 <= samples <= 64 or samples < colours:
        raise ImageError("The TIFF is damaged: it has fewer samples than colours.")
    extra = (extra + [-1] * samples)[: samples - colours]
    layout = Layout(
        order,
        at,
        tags,
        size,
        int(bits[0]),
        UINT if forms[0] == 4 else int(forms[0]),
        samples,
        photometric,
        _one(tags, COMPRESSION, NONE),
        _one(tags, PREDICTOR, 1),
        samples > 1 and _one(tags, PLANES, 1) == 2,
        tuple(extra),
    )
    if len({*bits[:samples]}) > 1 or len({*forms[:samples]}) > 1 or len(bits) not in (1, samples):
        raise layout.refusal()
    return layout


def _first_page(data: bytes) -> tuple[str, int, dict[int, Values]]:
    """The order of bytes, and where a directory stands and what it says."""
    order, big = "<" if data[:2] == b"II" else ">", 43 in data[2:4]
    (at,) = struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)
    first = 0
    seen: set[int] = set()
    while at and at not in seen and len(seen) < MAX_PAGES:
        seen.add(at)
        try:
            tags, following = _directory(data, at, order, big, _KIND)
            reduced = _one(tags, SUBFILE, 0) & 5 or _one(tags, OLD_SUBFILE, 1) == 2
            if not first and reduced and SUB_DIRECTORIES in tags:
                # A preview, and directories inside it in one of which the picture itself stands.
                raise ImageError("Sorry, camera raw pictures are not supported. Develop it and send a JPEG.")
            if not reduced:
                return order, at, _directory(data, at, order, big, _NEEDED)[0]
        except (ImageError, struct.error):
            if not first:
                raise
            break
        first, at = first or at, following
    if not first:
        raise ImageError("The TIFF is damaged: it has no page.")
    return order, first, _directory(data, first, order, big, _NEEDED)[0]


def _directory(data: bytes, at: int, order: str, big: bool, wanted: set[int]) -> tuple[dict[int, Values], int]:
    """The values of the tags that are wanted, and where the next directory stands."""
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    if entries > MAX_ENTRIES:
        raise ImageError(f"The TIFF is damaged: its directory has {entries:,} entries.")
    entry, start, inline = (20, at + 8, 8) if big else (12, at + 2, 4)
    if start + entry * entries > len(data):
        raise struct.error
    # All numbers at once: there may be a thousand directories of thousands of entries.
    numbers = np.frombuffer(data, np.dtype((np.void, entry)), entries, start).view(f"{order}u2")[:: entry // 2]
    tags: dict[int, Values] = {}
    for i in np.flatnonzero(np.isin(numbers, list(wanted))).tolist():
        here = start + entry * i
        tag, form, count = struct.unpack_from(order + ("HHQ" if big else "HHL"), data, here)
        value = None if tag in tags else _values(data, here + entry - inline, (tag, form, count), order, big)
        if value is not None:
            tags[tag] = value
    try:
        (following,) = struct.unpack_from(order + ("Q" if big else "L"), data, start + entry * entries)
    except struct.error:
        following = 0  # the last directory's end is missing
    return tags, following


def _values(data: bytes, at: int, entry: tuple[int, int, int], order: str, big: bool) -> Values | None:
    """The numbers of an entry (tag, type, count), which stand at `at`, or where an offset there says."""
    (tag, form, count), offset = entry, order + ("Q" if big else "L")
    kind = _TYPES.get(form)
    if tag == ORIENTATION and (form, count) != (3, 1):
        return None
    if tag not in (ICC, JPEG_TABLES) and count > (MAX_VALUES if tag != COLOUR_MAP else 3 * 256):
        if tag in _SPARE or tag == COLOUR_MAP:
            return None
        raise ImageError(f"The TIFF is damaged: its tag {tag} has {count:,} values.")
    if kind is None or not count:
        if tag in _SPARE or not count:
            return None
        raise ImageError(f"The TIFF is damaged: its tag {tag} is of a type that does not exist.")
    pair = 2 if form in (5, 10) else 1
    length = np.dtype(kind).itemsize * count * pair
    if length > struct.calcsize(offset):
        (at,) = struct.unpack_from(offset, data, at)
    if at + length > len(data):
        if tag in _SPARE:
            return None
        raise ImageError("The TIFF is cut off: it ends within its header.")
    if tag in (ICC, JPEG_TABLES):
        return [at, length]
    count = min(count, MAX_VALUES if tag in _OF_PARTS else 3 * 256 if tag == COLOUR_MAP else FEW_VALUES)
    numbers = np.frombuffer(data, np.dtype(order + kind), count * pair, at)
    if pair == 2:
        with np.errstate(all="ignore"):
            numbers = numbers[::2] / numbers[1::2].astype(float)
    values: Values = numbers.tolist()
    return values
