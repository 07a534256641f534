"""WebP (RFC 9649): the chunks of the first picture, and nothing else."""

import functools
import struct
from collections.abc import Container

from PIL import WebPImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.pillow import PillowSource, check_library
from colorize_service.imaging.profiles import MAX_PROFILE_BYTES

#: Chunks of a file.
MAX_CHUNKS = 65_536
#: Zeros in a row, in a picture of a few blocks.
MAX_ZEROS = 96

#: Bytes that a pixel and the tables of a picture take at most, packed by whoever.
MAX_PIXEL, MAX_TABLES = 8, 1 << 20
# What is looked at.
_NAMES = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF"}

Chunk = tuple[bytes, memoryview]
_PLACE = 16  # bytes in front of a frame's chunks
_HEAD = struct.Struct("<4sI")
_ALPHA, _ANIMATION = 0x10, 0x02  # of the flags in VP8X


def chunks_of(body: memoryview, names: Container[bytes]) -> tuple[list[Chunk], bool]:
    """Names and bodies of the first chunk of each of these names, of the last one what there is, and whether the file's
    last chunk is shorter than it says."""
    found, at = dict[bytes, memoryview](), 0
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(body):
            return list(found.items()), at > len(body) + 1
        name, length = _HEAD.unpack_from(body, at)
        if name in names and name not in found:
            found[name] = body[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise ImageError(f"The WebP is damaged: it has more than {MAX_CHUNKS:,} chunks.")


def _written(chunks: list[Chunk]) -> bytes:
    parts: list[bytes | memoryview] = []
    for name, body in chunks:
        parts += [struct.pack("<4sI", name, len(body)), body, bytes(len(body) % 2)]
    return b"".join(parts)


def read(data: bytes) -> PillowSource:
    """Read the header of a WebP.

    Raises:
        ImageError: it is cut off or damaged.
    """
    check_library("WebP", "webp")
    # The length of the whole, behind "RIFF", is not asked: only that of each chunk.
    chunks, is_short = chunks_of(memoryview(data)[12:], _NAMES)
    parts, kept = dict(chunks), list[Chunk]()
    extended = bytes(parts.get(b"VP8X", b"")[:10])
    if chunks and chunks[0][0] == b"VP8X" and len(extended) == 10:
        size = _three(extended, 4), _three(extended, 7)
        if extended[0] & _ANIMATION:
            kept += [(name, parts[name]) for name in (b"ANIM", b"ANMF") if name in parts]
        else:
            kept = _still(chunks)
        flags = extended[0] & (_ANIMATION | _ALPHA)
        if flags & _ANIMATION:
            flags |= _ALPHA  # where the first frame leaves the canvas free
        kept.insert(0, (b"VP8X", memoryview(bytes([flags]) + bytes(3) + extended[4:])))
    else:
        kept = _still(chunks)
        size = _frame_size(*kept[-1]) if kept else (0, 0)
    icc = parts.get(b"ICCP", b"")
    return PillowSource(
        "WebP",
        WebPImagePlugin.WebPImageFile,
        functools.partial(_riff, kept, size),
        size,
        orientation(parts.get(b"EXIF", b"")),
        bytes(icc) if 0 < len(icc) <= MAX_PROFILE_BYTES else None,
        again=_cut_off if is_short else None,
    )


def _check_zeros(chunks: list[Chunk], size: tuple[int, int]) -> None:
    """Refuse a hole in the file: a run of zeros longer than those that a flat picture of this size gives.

    libwebp's encoder writes a flat area as zeros too, a fifth of a bit for each block of 16×16 pixels.
    """
    blocks = ((size[0] + 15) // 16) * ((size[1] + 15) // 16)
    hole = bytes(MAX_ZEROS + blocks // 32)
    if any(name == b"VP8 " and hole in bytes(body).rstrip(b"\0") for name, body in chunks):
        raise ImageError("The WebP is damaged: there is a hole in its pixels.")


def _cut_off() -> bytes:
    raise ImageError("The WebP is cut off: its end is missing.")


def _three(data: bytes, at: int) -> int:
    return 1 + int.from_bytes(data[at : at + 3], "little")


def _still(chunks: list[Chunk]) -> list[Chunk]:
    """The picture itself and, where it is stored apart, its alpha."""
    at = next((i for i, (name, _) in enumerate(chunks) if name in (b"VP8 ", b"VP8L")), None)
    if at is None:
        return []
    alpha = [chunk for chunk in chunks[:at] if chunk[0] == b"ALPH"] if chunks[at][0] == b"VP8 " else []
    return [*alpha[:1], chunks[at]]


def _frame_size(name: bytes, body: memoryview) -> tuple[int, int]:
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<L", body, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _riff(chunks: list[Chunk], size: tuple[int, int]) -> bytes:
    most = MAX_PIXEL * size[0] * size[1] + MAX_TABLES
    chunks = [(name, _frame(body, most) if name == b"ANMF" else body[:most]) for name, body in chunks]
    _check_zeros(chunks, size)
    if all(name == b"VP8X" for name, _ in chunks):
        _cut_off()
    body = b"WEBP" + _written(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _frame(body: memoryview, most: int) -> memoryview:
    """A frame with its place and its pixels, and nothing else."""
    chunks, _ = chunks_of(body[_PLACE:], _NAMES)
    return memoryview(bytes(body[:_PLACE]) + _written([(name, part[:most]) for name, part in _still(chunks)]))
