"""PNG (third edition): which of its chunks the pixels need, and whether these are whole."""

import functools
import struct

from PIL import Image, PngImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.pillow import PillowSource, opened
from colorize_service.imaging.formats.png_chunks import SIGNATURE, Chunk, Pieces, chunk, chunks, sound
from colorize_service.imaging.formats.png_colours import profile_of
from colorize_service.imaging.formats.png_pixels import clean, deep, repacked, with_alpha

#: Chunks that are looked at and left aside, since they have changed since they were written.
MAX_UNSOUND = 64

# Bytes of a chunk that are looked at: of a palette and its transparency one more than there can be.
_LONGEST = {b"IHDR": 13, b"PLTE": 769, b"tRNS": 257, b"cICP": 5, b"sRGB": 1, b"gAMA": 5, b"cHRM": 33}

# What is heeded where it is sound; all others are left aside.
_HEEDED = {b"eXIf", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}


def read(data: bytes) -> PillowSource:
    """Read the header of a PNG.

    Raises:
        ImageError: it is cut off, damaged, or its colours are those of a kind that is not supported.
    """
    parts: dict[bytes, Chunk] = {}
    if len(data) >= 16 and data[12:16] != b"IHDR":
        raise ImageError("The PNG is damaged: it does not begin with its header.")
    wanted, unsound = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"} | _HEEDED, 0
    for found in chunks(data, wanted):
        name = found[0]
        if name not in wanted:
            raise ImageError("This kind of PNG is not supported: it has a part that nobody but its maker knows.")
        # What is needed is checked, and what is not is left aside where it is not as it was written.
        if name != b"IDAT" and not sound(*found):
            if name in _HEEDED:
                unsound += 1
                wanted -= _HEEDED if unsound > MAX_UNSOUND else set()
                continue
            cut = "cut off: it ends within its header" if len(found[2]) < 4 else "damaged: its header has changed"
            raise ImageError(f"The PNG is {cut}.")
        parts[name] = found
        wanted.discard(name)
    if b"IHDR" not in parts or len(parts[b"IHDR"][1]) != 13:
        raise ImageError("The PNG is cut off: it ends within its header.")
    if b"IDAT" not in parts:
        raise ImageError("The PNG is cut off: its pixels are missing.")
    has_palette = parts[b"IHDR"][1][9] == 3
    bodies = {name: bytes(body[: _LONGEST.get(name)]) for name, (_, body, _) in parts.items() if name in _LONGEST}
    if has_palette and any(len(bodies.get(name, b"")) == _LONGEST[name] for name in (b"PLTE", b"tRNS")):
        raise ImageError("The PNG is damaged: its palette has more than 256 colours.")
    if has_palette and len(bodies.get(b"PLTE", b"")) < 3:
        raise ImageError("The PNG is damaged: its palette is missing.")
    head: Pieces = [SIGNATURE]
    for name in (b"IHDR", b"PLTE", b"tRNS") if has_palette else (b"IHDR", b"tRNS"):
        head += chunk(name, bodies[name]) if name in bodies else []
    # Pillow's own look at depth and colour type, without the pixels.
    opened("PNG", PngImagePlugin.PngImageFile, b"".join([*head, *chunk(b"IDAT", b""), *chunk(b"IEND", b"")])).close()
    header = bodies[b"IHDR"]
    width, height, depth = struct.unpack_from(">IIB", header)
    is_keyed = depth == 16 and len(bodies.get(b"tRNS", b"")) == 6
    return PillowSource(
        "PNG",
        PngImagePlugin.PngImageFile,
        functools.partial(with_alpha, data, bodies) if is_keyed else functools.partial(clean, data, head, header),
        (width, height),
        orientation(parts[b"eXIf"][1] if b"eXIf" in parts else b""),
        profile_of(bodies, parts[b"iCCP"][1] if b"iCCP" in parts else memoryview(b"")),
        mend=functools.partial(_scale_transparency, depth=depth),
        again=None if is_keyed else functools.partial(repacked, data, head, header),
        deep=functools.partial(deep, data, bodies) if depth == 16 else None,
    )


def _scale_transparency(image: Image.Image, depth: int) -> None:
    """What Pillow leaves undone: the transparent colour at the depth that the pixels are given in."""
    colour = image.info.get("transparency")
    if image.mode == "L" and isinstance(colour, int):
        image.info["transparency"] = colour * 255 // (2**depth - 1)
