"""Writing PNG (third edition), 8 or 16 bits, in strips that are packed side by side.

Pillow writes no colours of 16 bits.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from colorize_service.imaging.metadata import Metadata, exif
from colorize_service.imaging.results.strips import Rows, Strips

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {3: 2, 4: 6}  # by samples of a pixel
_LEVEL = 5  # of zlib; 6 takes twice the time for 2 %
_HEADER_OF_ZLIB = b"\x78\x9c"
_INCH = 0.0254  # metres


def write(strips: Strips, metadata: Metadata | None) -> bytes:
    """A PNG in sRGB."""
    samples, bits = strips.samples, strips.bits
    header = struct.pack(">LLBBBBB", *strips.size, bits, _COLOUR_TYPES[samples], 0, 0, 0)
    packed, check = list[bytes](), 1
    for filtered, deflated in strips.each(lambda rows: _packed(rows, samples * bits // 8)):
        check = zlib.adler32(filtered, check)
        packed.append(deflated)
    packed[0] = _HEADER_OF_ZLIB + packed[0]
    packed[-1] += b"\3\0" + struct.pack(">L", check)  # an empty last block, and the checksum of it all
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"sRGB", b"\0"),
            *(_chunk(name, body) for name, body in (_chunks_of(metadata) if metadata else ())),
            *(_chunk(b"IDAT", piece) for piece in packed),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L4s", len(body), name) + body + struct.pack(">L", zlib.crc32(body, zlib.crc32(name)))


def _chunks_of(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.density:
        across, down = (round(each / _INCH) for each in metadata.density)
        yield b"pHYs", struct.pack(">LLB", across, down, 1)
    yield b"eXIf", exif.written(metadata.exif)
    yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp[0]
    if metadata.iptc:  # PNG has no place of its own for it; so as ImageMagick and others do it
        profile = f"\niptc\n{len(metadata.iptc):8}\n{metadata.iptc.hex()}\n"
        yield b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile.encode())
    for key, text in metadata.texts.items():
        yield b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()


def _packed(rows: Rows, pixel: int) -> tuple[bytes, bytes]:
    """Rows as the filtered bytes that they become, and these as a piece of Deflate that ends at a whole byte.

    Args:
        pixel: bytes of a pixel.
    """
    filtered = _filtered(rows.astype(f">u{rows.itemsize}").view(np.uint8).reshape(len(rows), -1), pixel).tobytes()
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return filtered, packer.compress(filtered) + packer.flush(zlib.Z_FULL_FLUSH)


def _filtered(rows: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Each row behind the number of its filter: the one whose differences are the least together (12.7).

    The first row is filtered without the one above, which is another strip's.
    """
    left, above, corner = (np.zeros_like(rows) for _ in range(3))
    above[1:] = rows[:-1]
    left[:, pixel:], corner[:, pixel:] = rows[:, :-pixel], above[:, :-pixel]
    best = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    least = np.full(len(rows), np.inf)
    for number, predict in _FILTERS.items():
        differences = rows - predict(left, above, corner)
        cost = np.minimum(differences, -differences.view(np.int8).astype(np.uint8)).sum(axis=1, dtype=np.int64)
        better = cost < least
        better[0] &= number == _BESIDE
        least[better] = cost[better]
        best[better, 0] = number
        best[better, 1:] = differences[better]
    return best


def _paeth(left: NDArray[np.uint8], above: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The one of the three neighbours that is nearest to left + above - corner (9.4)."""
    wide = np.int16
    to_left, to_above = above.astype(wide) - corner, left.astype(wide) - corner
    to_corner = abs(to_left + to_above)
    to_left, to_above = abs(to_left), abs(to_above)
    nearest = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)


Predict = Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8]]

_BESIDE = 1
_FILTERS: dict[int, Predict] = {
    _BESIDE: lambda left, above, corner: left,
    2: lambda left, above, corner: above,
    4: _paeth,
}
