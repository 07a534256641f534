"""JPEG 2000 (ITU-T T.800): JP2 files and bare codestreams, through Pillow."""

import functools
import struct

from PIL import Jpeg2KImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.codestream import FEW, MIN_TILE, Codestream, codestream_of
from colorize_service.imaging.formats.pillow import PillowSource, check_library
from colorize_service.imaging.profiles import MAX_PROFILE_BYTES

#: Boxes of a file, and of those that are needed the ones of a name that are looked at, and bytes of one.
MAX_BOXES, MAX_ALIKE, MAX_BOX = 65_536, 4, 65_536

_SOC = b"\xff\x4f"
_SUPER = {b"jp2h"}  # boxes of boxes
_KEPT = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"}
_HEAD = struct.Struct(">I4s")


def read(data: bytes) -> PillowSource:
    """Read the header: nothing is decoded.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported.
    """
    check_library("JPEG 2000", "jpg_2000")
    head, start, icc = (b"", 0, None) if data.startswith(_SOC) else _boxes(data)
    stream = codestream_of(data, start)
    if stream.components not in (1, 2, 3, 4) or any(depth > 16 for depth in stream.depths):
        raise ImageError("This kind of JPEG 2000 is not supported; a plain 8-bit or 16-bit picture is.")
    size = stream.size
    if stream.tiles > FEW + size[0] * size[1] // MIN_TILE:
        raise ImageError("The JPEG 2000 is damaged: it is made of too many pieces.")
    is_deep = stream.components == 1 and stream.depths[0] > 8
    clean = functools.partial(_clean, head, stream)
    return PillowSource("JPEG 2000", Jpeg2KImagePlugin.Jpeg2KImageFile, clean, size, icc=icc, is_deep=is_deep)


def _boxes(data: bytes) -> tuple[bytes, int, bytes | None]:
    """The head of a JP2 of what the pixels need, where the codestream begins, and the colour profile."""
    at, icc = 12, None
    kept: list[bytes] = []
    seen = dict.fromkeys(_KEPT, 0)
    for _ in range(MAX_BOXES):
        length, name = _HEAD.unpack_from(data, at)
        body = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = len(data) if length == 0 else at + length
        if name == b"jp2c":
            header = b"".join(kept)
            signature = data[:12] + struct.pack(">I4s4sI4s", 20, b"ftyp", b"jp2 ", 0, b"jp2 ")
            return signature + struct.pack(">I4s", 8 + len(header), b"jp2h") + header, body, icc
        if end <= at:
            break
        if name in _SUPER:
            at = body
            continue
        if name in _KEPT and seen[name] < MAX_ALIKE:
            seen[name] += 1
            if name == b"colr" and data[body] == 2:  # of a profile the decoder is told that there is one
                icc = icc or (data[body + 3 : end] if end - body <= MAX_PROFILE_BYTES else None)
                kept.append(_HEAD.pack(8 + 7, name) + data[body : body + 3] + bytes(4))
            elif end - at <= MAX_BOX:
                kept.append(data[at:end])
        at = end
    raise ImageError("The JPEG 2000 is damaged: its picture is not found.")


def _clean(head: bytes, stream: Codestream) -> bytes:
    pieces = stream.clean()
    if not head:
        return b"".join(pieces)
    return b"".join([head, _HEAD.pack(8 + sum(map(len, pieces)), b"jp2c"), *pieces])
