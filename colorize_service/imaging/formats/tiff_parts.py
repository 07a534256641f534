"""The pixels of a TIFF's page.

Pillow knows most compressions and misreads many layouts. So it is given no layout at all: each strip or tile goes
through it as rows of gray bytes, in a small TIFF of its own, and what the bytes mean is settled here.
"""

import io
import math
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import TiffImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats import tiff_layout as tiff
from colorize_service.imaging.formats.pillow import blame
from colorize_service.imaging.formats.tiff_layout import FLOAT, INT, UINT, Layout
from colorize_service.imaging.levels import Samples

#: Bytes of unpacked samples that are held at a time, if the file's strips allow it.
_GROUP = 8 << 20

#: Strips or tiles that go through the decoder in one piece.
_MANY = 4_096
#: Bytes of unpacked samples that are not of the picture: of a strip or tile, and of all of them beside four times the
#: picture's own. They are the edges of tiles, and what stands behind the colours.
_SPARE, _SPARE_TIMES = 4 << 20, 4
#: Tiles smaller than this are accepted in a few: the format has none of fewer pixels (TIFF 6.0, section 15).
_SMALL_TILE, _FEW_TILES = 256, 1_024
#: Pixels of a JPEG among others, but for a few of them.
_SMALL_JPEG, _FEW_JPEGS = 4_096, 1_024

Bytes = npt.NDArray[np.uint8]
Part = tuple[int, int, Samples]  # left, top, and samples as (rows, columns, samples of a pixel)


class Parts:
    """The strips or tiles of a page: where they lie in the file and in the picture."""

    def __init__(self, data: bytes, layout: Layout):
        self.data, self.layout = data, layout
        width, height = layout.size
        self.tiled = tiff.TILE_OFFSETS in layout.tags or tiff.TILE_WIDTH in layout.tags
        if self.tiled:
            self.columns, self.rows = layout.one(tiff.TILE_WIDTH, 0), layout.one(tiff.TILE_HEIGHT, 0)
            if self.columns > max(1024, 2 * width) or self.rows > max(1024, 2 * height):
                raise ImageError("The TIFF is damaged: its tiles are much larger than the picture.")
            offsets, counts = layout.tags.get(tiff.TILE_OFFSETS), layout.tags.get(tiff.TILE_COUNTS)
            offsets, counts = (
                offsets or layout.tags.get(tiff.STRIP_OFFSETS),
                counts or layout.tags.get(tiff.STRIP_COUNTS),
            )
        else:
            self.columns, self.rows = width, min(layout.one(tiff.ROWS_PER_STRIP, height) or height, height)
            offsets, counts = layout.tags.get(tiff.STRIP_OFFSETS), layout.tags.get(tiff.STRIP_COUNTS)
        if self.columns < 1 or self.rows < 1 or not offsets:
            raise ImageError("The TIFF is damaged: it does not say where its pixels are.")
        self.across, self.down = math.ceil(width / self.columns), math.ceil(height / self.rows)
        self.planes = layout.samples if layout.separate else 1
        self.offsets, self.counts = [int(v) for v in offsets], [int(v) for v in counts or []]
        if len(self.offsets) < self.across * self.down * self.planes:
            raise ImageError("The TIFF is cut off: a part of its pixels is missing.")
        self._check_cost()

    def _check_cost(self) -> None:
        """Refuse what takes much more than its picture: too many tiles, or too much beside it.

        Raises:
            ImageError: of both.
        """
        (width, height), layout = self.layout.size, self.layout
        count, jpeg = self.across * self.down, layout.compression == tiff.JPEG
        small = self.tiled and count > _FEW_TILES and self.columns * self.rows < _SMALL_TILE
        if small or (jpeg and count > _FEW_JPEGS + width * height // _SMALL_JPEG):
            raise ImageError("The TIFF is damaged: it is made of too many pieces.")
        if layout.compression == tiff.NONE:
            return
        samples = 1 if layout.separate else min(layout.samples, tiff.COLOURS[layout.photometric] + 1)
        needed = width * samples * layout.bits // 8 + 1
        part = min(self.rows, height) * (self.row_bytes() - needed * min(self.columns, width) // width)
        whole = self.across * self.row_bytes() * height
        if part > _SPARE or whole > _SPARE_TIMES * needed * height + _SPARE:
            raise ImageError("This kind of TIFF is not supported: most of its samples are not those of the picture.")

    def row_bytes(self) -> int:
        """Of one row of a strip or tile."""
        samples = 1 if self.layout.separate else self.layout.samples
        return (self.columns * samples * self.layout.bits + 7) // 8

    def packed(self, number: int, *, exact: bool = False) -> bytes:
        """The bytes of a strip or tile, of the last one in the file those that are there; not many more than it can
        take, packed by whoever."""
        offset = self.offsets[number]
        count = self.counts[number] if number < len(self.counts) else 0
        if not count and len(self.offsets) == 1:
            count = len(self.data) - offset
        if offset >= len(self.data) or count <= 0 or (exact and offset + count > len(self.data)):
            raise ImageError("The TIFF is cut off: its end is missing.")
        times, loose = (16, 64) if self.layout.compression in tiff.FAXES else (2, 1_024)
        most = times * self.row_bytes() * self.rows + loose
        return self.data[offset : offset + min(count, most)]

    def height(self, row: int) -> int:
        """Rows of a strip or tile that lie in the picture."""
        return min(self.rows, self.layout.size[1] - row * self.rows)


def read_parts(parts: Parts, planes: Iterable[int]) -> Iterator[tuple[int, Part]]:
    """All strips or tiles of these planes, with the plane's number, as samples of the layout's own type, cut to the
    picture."""
    for plane in planes:
        for number, rows in _unpacked(parts, plane):
            row, column = divmod(number, parts.across)
            left = column * parts.columns
            yield plane, (left, row * parts.rows, _samples(rows, parts, parts.layout.size[0] - left))


def _unpacked(parts: Parts, plane: int) -> Iterator[tuple[int, Bytes]]:
    """Number and bytes (rows, bytes of a row) of each tile, or of a few strips in one where they are small."""
    total = parts.across * parts.down
    for numbers in _groups(parts):
        heights = [parts.height(number // parts.across) for number in numbers]
        rows = _rows(parts, plane * total, numbers, heights)
        if not parts.tiled:
            yield numbers[0], rows
        else:
            for i, number in enumerate(numbers):
                yield number, rows[i * heights[0] : (i + 1) * heights[0]]


def _groups(parts: Parts) -> Iterator[range]:
    """Numbers of strips, or of tiles beside each other, that are unpacked together."""
    each = min(_MANY, max(1, _GROUP // (parts.row_bytes() * parts.rows)))
    total = parts.across * parts.down
    line = parts.across if parts.tiled else total
    for begin in range(0, total, line):
        for start in range(begin, begin + line, each):
            yield range(start, min(start + each, begin + line))


def _rows(parts: Parts, first: int, numbers: range, heights: list[int]) -> Bytes:
    """The rows of strips or tiles, one after the other."""
    layout, length = parts.layout, parts.row_bytes()
    if layout.compression == tiff.NONE:
        rows = [_plain(parts, first + n, height, length) for n, height in zip(numbers, heights, strict=True)]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)
    packed = [parts.packed(first + number) for number in numbers]
    if layout.compression in tiff.DEFLATES:
        most = parts.rows * length
        inflated = [_inflate(p, height * length, most) for p, height in zip(packed, heights, strict=True)]
        return np.frombuffer(b"".join(inflated), np.uint8).reshape(-1, length)
    return _unpack(packed, length, heights, layout.compression)


def _plain(parts: Parts, number: int, height: int, length: int) -> Bytes:
    offset = parts.offsets[number]
    if offset + height * length > len(parts.data):
        raise ImageError("The TIFF is cut off: its end is missing.")
    return np.frombuffer(parts.data, np.uint8, height * length, offset).reshape(height, length)


def _inflate(packed: bytes, length: int, most: int) -> bytes:
    """`length` bytes from Deflate, of at most `most`: the last strip may have as many rows as the others.

    The checksum behind them is looked at, if it is there. libtiff does not.
    """
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(packed, most)
        more = unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error as error:
        raise ImageError("The TIFF is damaged and cannot be read.") from error
    if more:
        raise ImageError("The TIFF is damaged: it has more pixels than it says.")
    if len(rows) < length:
        raise ImageError("The TIFF is cut off: its end is missing.")
    return rows[:length]


def _unpack(packed: list[bytes], length: int, heights: list[int], compression: int) -> Bytes:
    data = small_tiff(packed, (length, sum(heights)), heights[0], {tiff.BITS: 8, tiff.COMPRESSION: compression})
    with blame("TIFF"):
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
        image.load()
        return np.asarray(image)


def small_tiff(packed: list[bytes], size: tuple[int, int], rows: int, tags: dict[int, int]) -> bytes:
    """A TIFF of one sample a pixel, in strips."""
    counts = [len(piece) for piece in packed]
    entries: dict[int, list[int]] = {tag: [value] for tag, value in tags.items()}
    entries |= {tiff.WIDTH: [size[0]], tiff.HEIGHT: [size[1]], tiff.ROWS_PER_STRIP: [rows], tiff.SAMPLES: [1]}
    entries.setdefault(tiff.PHOTOMETRIC, [tiff.BLACK_IS_ZERO])
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    lists = 8 * len(packed) if len(packed) > 1 else 0
    at = np.cumsum([start + lists, *counts])[:-1].tolist()
    entries |= {tiff.STRIP_OFFSETS: at, tiff.STRIP_COUNTS: counts}
    head, loose = struct.pack("<4sLH", b"II*\0", 8, len(entries)), b""
    for tag, values in sorted(entries.items()):
        value = struct.pack(f"<{len(values)}L", *values)
        if len(values) > 1:
            value, loose = struct.pack("<L", start + len(loose)), loose + value
        head += struct.pack("<HHL", tag, 4, len(values)) + value
    return b"".join([head, bytes(4), loose, *packed])


def _samples(rows: Bytes, parts: Parts, width: int) -> Samples:
    """Bytes as (rows, columns, samples), no more than `width` columns of them, the predictor undone."""
    layout = parts.layout
    count = 1 if layout.separate else layout.samples
    if layout.predictor == 3:
        return _floats(rows, parts.columns, count, layout.bits // 8)[:, :width]
    if layout.bits % 8 or layout.bits == 24:
        samples = _bits(rows, parts.columns * count, layout)
    else:
        kind = {UINT: "u", INT: "i", FLOAT: "f"}[layout.form]
        samples = np.ascontiguousarray(rows).view(np.dtype(f"{layout.order}{kind}{layout.bits // 8}"))
    samples = samples.reshape(len(rows), parts.columns, count)[:, :width]
    if layout.predictor == 2:
        native = samples.astype(samples.dtype.newbyteorder("="))
        samples = np.cumsum(native, axis=1, dtype=native.dtype)
    return samples


def _floats(rows: Bytes, columns: int, count: int, size: int) -> Samples:
    """Undo the floating-point predictor (Adobe's TIFF technical note 3): differences of bytes, high bytes first."""
    whole = np.cumsum(rows.reshape(len(rows), -1, count), axis=1, dtype=np.uint8).reshape(len(rows), size, -1)
    return np.ascontiguousarray(whole.transpose(0, 2, 1)).view(f">f{size}").reshape(len(rows), columns, count)


def _bits(rows: Bytes, count: int, layout: Layout) -> Samples:
    """Samples of 1, 2, 4, 12 and 24 bits; each row begins at a whole byte."""
    if layout.bits == 24:
        wide = rows.reshape(len(rows), -1, 3).astype(np.uint32)
        low, high = (0, 2) if layout.order == "<" else (2, 0)
        return wide[..., low] | wide[..., 1] << 8 | wide[..., high] << 16
    if layout.bits == 12:
        pairs = np.pad(rows, [(0, 0), (0, -rows.shape[1] % 3)]).reshape(len(rows), -1, 3).astype(np.uint16)
        first, second = pairs[..., 0] << 4 | pairs[..., 1] >> 4, (pairs[..., 1] & 15) << 8 | pairs[..., 2]
        return np.stack([first, second], axis=-1).reshape(len(rows), -1)[:, :count]
    each = 8 // layout.bits
    shifts = np.arange(each - 1, -1, -1, dtype=np.uint8) * layout.bits
    spread = rows[..., None] >> shifts & (1 << layout.bits) - 1
    return spread.reshape(len(rows), -1)[:, :count]
