"""The pixels of a PNG (third edition, 7 to 10): whether they are whole, and those of 16 bits."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.pillow import blame
from colorize_service.imaging.formats.png_chunks import SIGNATURE, Pieces, chunk, chunks, sound

#: Pieces that pixels may be in whatever their length, and bytes in the mean of a piece where there are more.
MAX_SMALL_PIECES, MIN_PIECE = 1_024, 256

_PIECE = 1 << 20  # bytes at a time of pixels that are unpacked here
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Adam7's passes: first column and row, and the steps to the next (8.2).
_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def _pixels(data: bytes, header: bytes) -> tuple[list[memoryview], bool]:
    """The pieces of the packed pixels, and whether each of them is there and was found as it was written.

    What is more than pixels can take, packed by whoever, is not looked at.
    """
    rows = sum(height for _, height in _sizes(header))
    room = 2 * _unpacked_size(header) + 16 * rows + 65_536
    bodies, whole, length = list[memoryview](), True, 0
    for name, body, checksum in chunks(data, (b"IDAT",)):
        if name != b"IDAT":
            continue
        if len(checksum) < 4:
            whole = False
        elif not sound(name, body, checksum):
            raise ImageError("The PNG is damaged: its pixels have changed since it was written.")
        bodies.append(body[: room - length])
        length += len(bodies[-1])
        if length == room:
            break
        if len(bodies) > MAX_SMALL_PIECES + length // MIN_PIECE:
            raise ImageError("The PNG is damaged: its pixels are made of too many pieces.")
    return bodies, whole


def clean(data: bytes, head: Pieces, header: bytes) -> bytes:
    """A PNG of what the pixels need."""
    packed, _ = _pixels(data, header)
    return b"".join([*head, *chunk(b"IDAT", b"".join(packed)), *chunk(b"IEND", b"")])


def repacked(data: bytes, head: Pieces, header: bytes) -> bytes:
    """The same with an end of its own, for a file that has all of its pixels and no sound end behind them."""
    packer = zlib.compressobj(1)
    packed = [packer.compress(rows) for rows in _rows(data, header)]
    return b"".join([*head, *chunk(b"IDAT", b"".join([*packed, packer.flush()])), *chunk(b"IEND", b"")])


def _rows(data: bytes, header: bytes) -> Iterator[bytes]:
    """The rows with their filters, in pieces.

    Raises:
        ImageError: a part is missing, or has changed since it was written.
    """
    packed, whole = _pixels(data, header)
    missing, check = _unpacked_size(header), 1
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    joined = b"".join(packed)
    if len(joined) < 2 or joined[0] & 15 != 8 or joined[1] & 0x20:
        raise ImageError("The PNG is damaged and cannot be read.")
    with blame("PNG"):
        rest = joined[2:]
        while missing:
            rows = unpacker.decompress(rest, min(missing, _PIECE))
            if not rows:
                raise ImageError("The PNG is cut off: a part of its pixels is missing.")
            rest, missing, check = unpacker.unconsumed_tail, missing - len(rows), zlib.adler32(rows, check)
            yield rows
    if not whole and len(unpacker.unused_data) >= 4 and int.from_bytes(unpacker.unused_data[:4], "big") != check:
        raise ImageError("The PNG is damaged: its pixels have changed since it was written.")


def deep(data: bytes, bodies: dict[bytes, bytes]) -> NDArray[np.uint16]:
    """The samples of 16 bits, of which Pillow reads gray ones only: (height, width, samples), alpha last.

    A filter takes each byte with the one of the same place in the pixel beside it. So the high bytes of all samples are
    a picture of 8 bits with these filters, and the low bytes are another.
    """
    header = bodies[b"IHDR"]
    channels = _CHANNELS[header[9]]
    rows = np.frombuffer(b"".join(_rows(data, header)), np.uint8)
    planes = []
    for which in (0, 1):
        parts, at = [], 0
        for columns, height in _sizes(header):
            each = rows[at : at + height * (1 + 2 * channels * columns)].reshape(height, -1)
            parts += [np.concatenate([each[:, :1], each[:, 1 + which :: 2]], axis=1).tobytes()]
            at += each.size
        half = [SIGNATURE, *chunk(b"IHDR", header[:8] + b"\x08" + header[9:])]
        half += [*chunk(b"IDAT", zlib.compress(b"".join(parts), 0)), *chunk(b"IEND", b"")]
        image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join(half)))
        planes.append(np.asarray(image).reshape(image.height, image.width, channels))
    samples: NDArray[np.uint16] = planes[0].astype(np.uint16) << 8 | planes[1]
    if len(bodies.get(b"tRNS", b"")) == 2 * channels:
        clear = (samples == np.frombuffer(bodies[b"tRNS"], ">u2")).all(axis=2, keepdims=True)
        samples = np.concatenate([samples, np.where(clear, 0, 65535).astype(np.uint16)], axis=2)
    return samples


def _sizes(header: bytes) -> Iterator[tuple[int, int]]:
    """Columns and rows of each pass that has any."""
    width, height, _, _, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    for left, top, across, down in _PASSES if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            yield columns, rows


def _unpacked_size(header: bytes) -> int:
    """Bytes of all rows with their filters (7.2)."""
    bits = header[8] * _CHANNELS[header[9]]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in _sizes(header))


def with_alpha(data: bytes, bodies: dict[bytes, bytes]) -> bytes:
    """A PNG of 8 bits with alpha, of one that has 16 and a transparent colour, whose low bits count too."""
    samples = (deep(data, bodies) >> 8).astype(np.uint8)
    rows = np.concatenate([np.zeros((len(samples), 1), np.uint8), samples.reshape(len(samples), -1)], axis=1)
    header = bodies[b"IHDR"][:8] + b"\x08\6\0\0\0"
    pixels = zlib.compress(rows.tobytes(), 0)
    return b"".join([SIGNATURE, *chunk(b"IHDR", header), *chunk(b"IDAT", pixels), *chunk(b"IEND", b"")])
