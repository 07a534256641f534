"""The chunks of a PNG (third edition, 5.3)."""

import struct
import zlib
from collections.abc import Container, Iterator

from colorize_service.imaging.errors import ImageError

#: Chunks of a file.
MAX_CHUNKS = 65_536

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_SPARE = 0x20  # of the first letter of a name: small, where a reader need not know the chunk
_KNOWN = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_HEAD = struct.Struct(">I4s")  # of a chunk

Pieces = list[bytes | memoryview]
Chunk = tuple[bytes, memoryview, bytes]


def chunks(data: bytes, names: Container[bytes]) -> Iterator[Chunk]:
    """Name, body and checksum (5.3) of each chunk of these names, and of each that one must know and nobody does, up to
    the end of the picture or of the file: there, the last body may be shorter than it says, and its checksum empty."""
    at, view = 8, memoryview(data)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        length, name = _HEAD.unpack_from(data, at)
        if name in names or not (name[0] & _SPARE or name in _KNOWN):
            yield name, view[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        at += 12 + length
        if name == b"IEND":
            return
    raise ImageError(f"The PNG is damaged: it has more than {MAX_CHUNKS:,} chunks.")


def sound(name: bytes, body: memoryview, checksum: bytes) -> bool:
    """Whether a chunk is as it was written."""
    return zlib.crc32(body, zlib.crc32(name)) == int.from_bytes(checksum, "big") and len(checksum) == 4


def chunk(name: bytes, body: bytes | memoryview) -> Pieces:
    """The bytes of a chunk."""
    return [struct.pack(">I4s", len(body), name), body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))]
