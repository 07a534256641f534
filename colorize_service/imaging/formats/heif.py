"""HEIC and AVIF files of the shown picture alone."""

import struct

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.items import Items, Property

#: Bytes that a pixel takes at most, packed by whoever, and those that a picture of few pixels may have.
MAX_PIXEL, MAX_SMALL = 8, 1 << 20
#: How much larger a picture may be than the piece of it that is shown, and pixels that it may have whatever is shown.
MAX_CROP, MAX_PART = 4, 1 << 20


def box(name: bytes, *parts: bytes | memoryview) -> bytes:
    """A box of these bytes."""
    return b"".join([struct.pack(">I4s", 8 + sum(map(len, parts)), name), *parts])


def check_whole(kind: str, items: Items) -> None:
    """Refuse a picture of which bytes are missing, and one of more than pixels can take.

    Raises:
        ImageError: of both.
    """
    if not items or any(not item.pieces or not item.whole for item in items.values()):
        raise ImageError(f"The {kind} is cut off: its end is missing.")
    size = next(iter(items.values())).size() or (0, 0)
    if sum(len(piece) for item in items.values() for piece in item.pieces) > MAX_PIXEL * size[0] * size[1] + MAX_SMALL:
        raise ImageError(f"The {kind} is damaged: it has more bytes than its pixels can take.")


def check_crop(kind: str, whole: tuple[int, int], shown: tuple[int, int]) -> None:
    """Refuse a picture of which little is shown: what it takes to decode nobody has counted.

    Raises:
        ImageError: of it.
    """
    if whole[0] * whole[1] > max(MAX_CROP * shown[0] * shown[1], MAX_PART):
        raise ImageError(f"This kind of {kind} is not supported: its picture is a small piece of a larger one.")


def check_grids(kind: str, items: Items) -> None:
    """Refuse tiles that lie outside of their picture (ISO/IEC 23008-12, 6.6.2.3): decoding them takes as long.

    Raises:
        ImageError: of them, and of pictures that say two different sizes.
    """
    for item in items.values():
        if item.kind != b"grid":
            continue
        grid, tiles = item.payload()[:12], [items[part] for part in item.parts if part in items]
        wide = len(grid) > 1 and grid[1] & 1
        if len(grid) < (12 if wide else 8) or not tiles:
            raise ImageError(f"The {kind} is cut off: its end is missing.")
        rows, columns, width, height = struct.unpack_from(">BBLL" if wide else ">BBHH", grid, 2)
        if (width, height) != item.size():
            raise ImageError(f"The {kind} is damaged: it says two different sizes.")
        across, down = (max(sides) for sides in zip(*(tile.size() or (0, 0) for tile in tiles), strict=True))
        if len(item.parts) > (rows + 1) * (columns + 1) or columns * across >= width or rows * down >= height:
            raise ImageError(f"The {kind} is damaged: its parts are larger than the picture.")


def written(items: Items, brand: bytes) -> bytes:
    """A file of these items (14496-12, 8.11; 23008-12, 9.3), numbered from 1.

    Args:
        brand: ``heic`` or ``avif``.
    """
    numbers = {item: i + 1 for i, item in enumerate(items)}
    properties: dict[tuple[bytes, bytes], int] = {}
    entries, associations, references = b"", b"", b""
    for number, item in items.items():
        new = numbers[number]
        entries += box(b"infe", struct.pack(">BxxxHH4sx", 2, new, 0, item.kind))
        indexes = [_index(properties, one) | one.essential << 15 for one in item.properties]
        associations += struct.pack(f">HB{len(indexes)}H", new, len(indexes), *indexes)
        parts = [numbers[part] for part in item.parts if part in numbers]
        if parts:
            references += box(b"dimg", struct.pack(f">HH{len(parts)}H", new, len(parts), *parts))
        if item.alpha in numbers:
            alpha = numbers[item.alpha]
            references += box(b"auxl", struct.pack(">HHH", alpha, 1, new))
            references += box(b"prem", struct.pack(">HHH", new, 1, alpha)) if item.multiplied else b""
    container = box(b"ipco", *(box(name, value) for name, value in properties))
    meta = [
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", struct.pack(">xxxxH", 1)),
        box(b"iinf", struct.pack(">xxxxH", len(items)), entries),
        *([box(b"iref", bytes(4), references)] if references else []),
        box(b"iprp", container, box(b"ipma", struct.pack(">BBBBI", 0, 0, 0, 1, len(items)), associations)),
    ]
    head = box(b"ftyp", brand, bytes(4), b"mif1", b"miaf", brand)
    lengths = [sum(map(len, item.pieces)) for item in items.values()]
    location = 16 + 14 * len(items)  # bytes of the box that says where the items stand
    at = len(head) + 12 + sum(map(len, meta)) + location + 8
    places = b""
    for number, length in zip(numbers.values(), lengths, strict=True):
        places += struct.pack(">HHHLL", number, 0, 1, at, length)
        at += length
    meta.append(box(b"iloc", struct.pack(">xxxxBBH", 0x44, 0, len(items)), places))
    pixels = [piece for item in items.values() for piece in item.pieces]
    return b"".join([head, box(b"meta", bytes(4), *meta), struct.pack(">I4s", 8 + sum(lengths), b"mdat"), *pixels])


def _index(known: dict[tuple[bytes, bytes], int], one: Property) -> int:
    """The number of a property, from 1; the same for the same bytes."""
    return known.setdefault((one.name, bytes(one.value)), len(known) + 1)
