"""PNG (third edition): which of its chunks the pixels need, and whether these are whole."""

import functools
import io
import struct
import zlib
from collections.abc import Container, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.pillow import PillowSource, blame, opened
from colorize_service.imaging.profiles import (
    HDR_TRANSFERS,
    PRIMARIES,
    SRGB,
    TRANSFERS,
    Chromaticities,
    make_profile,
)

#: Chunks of a file.
MAX_CHUNKS = 65_536
#: Chunks that are looked at and left aside, since they have changed since they were written.
MAX_UNSOUND = 64
#: Pieces that pixels may be in whatever their length, and bytes in the mean of a piece where there are more.
MAX_SMALL_PIECES, MIN_PIECE = 1_024, 256
#: A longer profile is left aside, since it takes a thousandth of that in the file. The long ones are those of inks, and
#: PNG has no inks.
MAX_PROFILE = 4_000_000
#: How far a gamma may be from that of sRGB and still be called the same (libpng's PNG_GAMMA_THRESHOLD).
SAME_GAMMA = 0.05
#: The gammas that somebody may mean.
GAMMAS = 0.15, 3.0

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE = 1 << 20  # bytes at a time of pixels that are unpacked here
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Adam7's passes: first column and row, and the steps to the next (8.2).
_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]

# Bytes of a chunk that are looked at: of a palette and its transparency one more than there can be.
_LONGEST = {b"IHDR": 13, b"PLTE": 769, b"tRNS": 257, b"cICP": 5, b"sRGB": 1, b"gAMA": 5, b"cHRM": 33}

# What is heeded where it is sound; all others are left aside.
_HEEDED = {b"eXIf", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}

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


def _sound(name: bytes, body: memoryview, checksum: bytes) -> bool:
    return zlib.crc32(body, zlib.crc32(name)) == int.from_bytes(checksum, "big") and len(checksum) == 4


def _chunk(name: bytes, body: bytes | memoryview) -> Pieces:
    return [struct.pack(">I4s", len(body), name), body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))]


def read(data: bytes) -> PillowSource:
    """Read the header of a PNG.

    Raises:
        ImageError: it is cut off, damaged, or its colours are those of a kind that is not supported.
    """
    parts: dict[bytes, Chunk] = {}
    if len(data) >= 16 and data[12:16] != b"IHDR":
        raise ImageError("The PNG is damaged: it does not begin with its header.")
    wanted, unsound = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"} | _HEEDED, 0
    for chunk in chunks(data, wanted):
        name = chunk[0]
        if name not in wanted:
            raise ImageError("This kind of PNG is not supported: it has a part that nobody but its maker knows.")
        # What is needed is checked, and what is not is left aside where it is not as it was written.
        if name != b"IDAT" and not _sound(*chunk):
            if name in _HEEDED:
                unsound += 1
                wanted -= _HEEDED if unsound > MAX_UNSOUND else set()
                continue
            cut = "cut off: it ends within its header" if len(chunk[2]) < 4 else "damaged: its header has changed"
            raise ImageError(f"The PNG is {cut}.")
        parts[name] = chunk
        wanted.discard(name)
    if b"IHDR" not in parts or len(parts[b"IHDR"][1]) != 13:
        raise ImageError("The PNG is cut off: it ends within its header.")
    if b"IDAT" not in parts:
        raise ImageError("The PNG is cut off: its pixels are missing.")
    has_palette = parts[b"IHDR"][1][9] == 3
    bodies = {name: bytes(body[: _LONGEST.get(name)]) for name, (_, body, _) in parts.items() if name in _LONGEST}
    if has_palette and any(len(bodies.get(name, b"")) == _LONGEST[name] for name in (b"PLTE", b"tRNS")):
        raise ImageError("The PNG is damaged: its palette has more than 256 colours.")
    head: Pieces = [_SIGNATURE]
    for name in (b"IHDR", b"PLTE", b"tRNS") if has_palette else (b"IHDR", b"tRNS"):
        head += _chunk(name, bodies[name]) if name in bodies else []
    # Pillow's own look at depth and colour type, without the pixels.
    opened("PNG", PngImagePlugin.PngImageFile, b"".join([*head, *_chunk(b"IDAT", b""), *_chunk(b"IEND", b"")])).close()
    header = bodies[b"IHDR"]
    width, height, depth = struct.unpack_from(">IIB", header)
    return PillowSource(
        "PNG",
        PngImagePlugin.PngImageFile,
        functools.partial(_clean, data, head, header),
        (width, height),
        orientation(parts[b"eXIf"][1] if b"eXIf" in parts else b""),
        _profile(bodies, parts[b"iCCP"][1] if b"iCCP" in parts else memoryview(b"")),
        functools.partial(_scale_transparency, depth=depth),
        again=functools.partial(_repacked, data, head, header),
        deep=functools.partial(_deep, data, bodies) if depth == 16 else None,
    )


def _profile(bodies: dict[bytes, bytes], packed: memoryview) -> bytes | None:
    """The colours, from the first of the chunks that says them, in the order of the standard (4.3)."""
    cicp = bodies.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[2:] == b"\0\1":
        primaries, transfer = cicp[0], cicp[1]
        if transfer in HDR_TRANSFERS:
            raise ImageError(
                f"Sorry, HDR pictures ({HDR_TRANSFERS[transfer]}) are not supported. Save it with the usual range."
            )
        if primaries in PRIMARIES and transfer in TRANSFERS:
            return make_profile(TRANSFERS[transfer], PRIMARIES[primaries])
    if icc := _unpacked(packed):
        return icc
    if b"sRGB" in bodies or len(bodies.get(b"gAMA", b"")) != 4:
        return None
    gamma = int.from_bytes(bodies[b"gAMA"], "big") / 100_000
    chrm = bodies.get(b"cHRM", b"")
    primaries_: Chromaticities = tuple(v / 100_000 for v in struct.unpack(">8I", chrm)) if len(chrm) == 32 else SRGB
    if not GAMMAS[0] <= gamma <= GAMMAS[1]:
        return None
    same = abs(gamma * 2.2 - 1) <= SAME_GAMMA
    if same and max(abs(a - b) for a, b in zip(primaries_, SRGB, strict=True)) < 0.005:
        return None
    return make_profile(None if same else 1 / gamma, primaries_)


def _unpacked(body: memoryview) -> bytes | None:
    """The ICC profile in an iCCP chunk; None where there is none, or it is broken or longer than any is."""
    _, _, packed = bytes(body[: MAX_PROFILE + 1_000]).partition(b"\0")
    try:
        unpacker = zlib.decompressobj()
        icc = unpacker.decompress(memoryview(packed)[1:], MAX_PROFILE)
        return icc if unpacker.eof else None
    except zlib.error:
        return None


def _scale_transparency(image: Image.Image, depth: int) -> None:
    """What Pillow leaves undone: the transparent colour at the depth that the pixels are given in."""
    colour = image.info.get("transparency")
    if image.mode == "L" and isinstance(colour, int):
        image.info["transparency"] = colour * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16 and colour:
        image.info["transparency"] = tuple(value >> 8 for value in colour)


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
        elif not _sound(name, body, checksum):
            raise ImageError("The PNG is damaged: its pixels have changed since it was written.")
        bodies.append(body[: room - length])
        length += len(bodies[-1])
        if length == room:
            break
        if len(bodies) > MAX_SMALL_PIECES + length // MIN_PIECE:
            raise ImageError("The PNG is damaged: its pixels are made of too many pieces.")
    return bodies, whole


def _clean(data: bytes, head: Pieces, header: bytes) -> bytes:
    """A PNG of what the pixels need."""
    packed, _ = _pixels(data, header)
    return b"".join([*head, *_chunk(b"IDAT", b"".join(packed)), *_chunk(b"IEND", b"")])


def _repacked(data: bytes, head: Pieces, header: bytes) -> bytes:
    """The same with an end of its own, for a file that has all of its pixels and no sound end behind them."""
    packer = zlib.compressobj(1)
    repacked = [packer.compress(rows) for rows in _rows(data, header)]
    return b"".join([*head, *_chunk(b"IDAT", b"".join([*repacked, packer.flush()])), *_chunk(b"IEND", b"")])


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


def _deep(data: bytes, bodies: dict[bytes, bytes]) -> NDArray[np.uint16]:
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
        half = [_SIGNATURE, *_chunk(b"IHDR", header[:8] + b"\x08" + header[9:])]
        half += [*_chunk(b"IDAT", zlib.compress(b"".join(parts), 0)), *_chunk(b"IEND", b"")]
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
