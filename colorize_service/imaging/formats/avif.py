"""AVIF, through Pillow."""

import functools

from PIL import AvifImagePlugin

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.av1 import check_units
from colorize_service.imaging.formats.boxes import shown_items
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.heif import check_crop, check_grids, check_whole, written
from colorize_service.imaging.formats.items import Items, check_range
from colorize_service.imaging.formats.pillow import PillowSource, check_library, opened
from colorize_service.imaging.formats.tracks import first_frame

#: Zeros in a row that AV1's arithmetic code never gives: not even a flat picture has more than a few.
MAX_ZEROS = 48
#: Brands of a file that are looked at.
MAX_BRANDS = 64

_AVIF = {b"avif", b"avis"}


def read(data: bytes) -> PillowSource:
    """Read the header of an AVIF: nothing is decoded.

    Raises:
        ImageError: it is cut off, damaged or of a kind that is not supported.
    """
    check_library("AVIF", "avif")
    length = min(int.from_bytes(data[:4], "big"), 4 * MAX_BRANDS)
    major, brands = data[8:12], {data[at : at + 4] for at in range(16, length - 3, 4)}
    if not _AVIF & {major, *brands}:
        raise ImageError("This kind of AVIF is not supported; a plain photo is.")
    # As libavif does: a still picture, or a sequence where it is called one or nothing.
    items = first_frame(data) if major != b"avif" else {}
    if not items:
        items = shown_items(data)
    for item in list(items.values())[:1]:
        check_range(item)
    check_whole("AVIF", items)
    check_grids("AVIF", items)
    for item in items.values():
        if item.kind == b"av01":
            check_units(item.payload(), item.size() or (0, 0))
    clean = functools.partial(_clean, items)
    image = opened("AVIF", AvifImagePlugin.AvifImageFile, written(items, b"avif"))
    # EXIF is made by Pillow, from the turns that the file itself says.
    turn, size = orientation(image.info.get("exif", b"")), image.size
    image.close()
    shown = next(iter(items.values()))
    crop, icc = shown.crop(), shown.icc()
    if crop is None:
        return PillowSource("AVIF", AvifImagePlugin.AvifImageFile, clean, size, turn, icc)
    inner = crop[2] - crop[0], crop[3] - crop[1]
    if not (0 <= crop[0] < crop[2] <= size[0] and 0 <= crop[1] < crop[3] <= size[1]):
        raise ImageError("The AVIF is damaged: the part of it that is to be shown lies outside.")
    check_crop("AVIF", size, inner)
    return PillowSource(
        "AVIF",
        AvifImagePlugin.AvifImageFile,
        clean,
        inner,
        turn,
        icc,
        stored=size,
        after=lambda image: image.crop(crop),  # which libavif leaves to others
    )


def _clean(items: Items) -> bytes:
    hole = bytes(MAX_ZEROS)
    if any(hole in item.payload().rstrip(b"\0") for item in items.values() if item.kind == b"av01"):
        raise ImageError("The AVIF is damaged: there is a hole in its pixels.")
    return written(items, b"avif")
