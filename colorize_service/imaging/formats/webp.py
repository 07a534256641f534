"""WebP (RFC 9649): the chunks of the first picture, and nothing else."""

import functools
import struct

from PIL import WebPImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.pillow import PillowSource, check_library

#: Chunks of a file.
MAX_CHUNKS = 65_536
#: Zeros in a row, in a picture of a few blocks.
MAX_ZEROS = 96

Chunk = tuple[bytes, memoryview]
_ALPHA, _ANIMATION = 0x10, 0x02  # of the flags in VP8X


def chunks_of(body: memoryview) -> tuple[list[Chunk], bool]:
    """Names and bodies, of the last one what there is, and whether that is less than it says."""
    found, at = [], 0
    while at + 8 <= len(body):
        name, length = struct.unpack_from("<4sI", body, at)
        found.append((name, body[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
        if len(found) > MAX_CHUNKS:
            raise ImageError(f"The WebP is damaged: it has more than {MAX_CHUNKS:,} chunks.")
    return found, at > len(body) + 1


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
    chunks, is_short = chunks_of(memoryview(data)[12:])
    parts: dict[bytes, memoryview] = {}
    for name, body in chunks:
        parts.setdefault(name, body)
    extended = bytes(parts.get(b"VP8X", b"")[:10])
    if chunks and chunks[0][0] == b"VP8X" and len(extended) == 10:
        size = _three(extended, 4), _three(extended, 7)
        if extended[0] & _ANIMATION:
            kept = [chunk for chunk in chunks if chunk[0] == b"ANIM"][:1]
            kept += [chunk for chunk in chunks if chunk[0] == b"ANMF"][:1]
        else:
            kept = _still(chunks)
        flags = extended[0] & _ANIMATION | (extended[0] & _ALPHA)
        kept.insert(0, (b"VP8X", memoryview(bytes([flags]) + bytes(3) + extended[4:])))
    else:
        kept = _still(chunks)
        size = _frame_size(*kept[-1]) if kept else (0, 0)
    return PillowSource(
        "WebP",
        WebPImagePlugin.WebPImageFile,
        functools.partial(_riff, kept, size),
        size,
        orientation(parts.get(b"EXIF", b"")),
        bytes(parts.get(b"ICCP", b"")) or None,
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
    _check_zeros(chunks, size)
    if all(name == b"VP8X" for name, _ in chunks):
        _cut_off()
    body = b"WEBP" + _written(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
