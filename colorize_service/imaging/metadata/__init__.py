"""What a result keeps of its photo's metadata, and what it says of itself.

It keeps what speaks of the photo: when, by whom, of what, with which camera, at how many pixels per inch. It loses what
speaks of the old file's pixels: which way is up, a thumbnail, sizes, compression, colour space and profile, the maker's
note. Broken metadata are dropped without a word; nobody's photo is refused for them.
"""

import contextlib
import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from colorize_service.imaging.metadata import exif, iptc, xmp
from colorize_service.imaging.metadata.containers import find
from colorize_service.imaging.metadata.exif import MAX_BYTES, Exif
from colorize_service.imaging.metadata.found import Found
from colorize_service.imaging.metadata.places import is_place, without_coordinates

__all__ = ["MAX_BYTES", "Metadata", "Notes", "metadata_of"]

# Keywords of a PNG's texts, and the tags that mean the same; for formats that have no such texts.
_TAGS_OF_TEXTS = {"Title": 269, "Description": exif.DESCRIPTION, "Author": exif.ARTIST, "Copyright": exif.COPYRIGHT}
_CREATED = "Creation Time"
# Not kept of a PNG's texts: the program that made it, and what ImageMagick notes of the file.
_TEXTS_LEFT_OUT = ("Software", "date:", "exif:", "icc:", "png:", "tiff:", "xmp:", "Thumb::")
_DENSITIES = 1, 100_000  # what a file can say; beyond that nobody meant it


@dataclass(frozen=True)
class Notes:
    """What goes with a result.

    Attributes:
        made_by: the model and the program that made it.
        keep: whether the photo's metadata are kept.
        place: whether the coordinates of where it was taken are.
    """

    made_by: str
    keep: bool = True
    place: bool = True


@dataclass
class Metadata:
    """The metadata of a result, to be written in any format.

    Attributes:
        xmp: packets, the fullest first: with all that the photo's said, with a part of it where it was in two, without.
        density: pixels per inch to the right and downwards, or None.
    """

    exif: Exif
    xmp: list[bytes]
    iptc: bytes = b""
    density: tuple[float, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    comment: bytes = b""


def metadata_of(kind: str, data: bytes, orientation: int, size: tuple[int, int], notes: Notes) -> Metadata:
    """A result's metadata.

    Args:
        kind, data: the photo's format and file.
        orientation: of the photo as stored, 1 to 8.
        size: width and height of the result.
    """
    made = xmp.packet(notes.made_by)
    metadata = Metadata(Exif(), [made])
    if notes.keep:
        with contextlib.suppress(Exception):
            metadata = _kept(find(kind, data), orientation, notes, metadata)
    exif.describe_pixels(metadata.exif, size)
    metadata.exif.put(exif.SOFTWARE, notes.made_by)
    return metadata


def _kept(found: Found, orientation: int, notes: Notes, metadata: Metadata) -> Metadata:
    kept = exif.kept(found.exif, turned=orientation >= 5, place=notes.place)
    density = _plausible(found.density)
    if density and orientation >= 5:
        density = density[::-1]
    own = _plausible(exif.resolution_of(kept))
    if density and not own:
        exif.put_resolution(kept, density)
    texts = {
        key: text if notes.place else without_coordinates(text)
        for key, text in found.texts.items()
        if not key.startswith(_TEXTS_LEFT_OUT) and (notes.place or not is_place(key.rpartition(":")[2]))
    }
    _put_texts(kept, texts)
    packets = []
    for more in (found.more_xmp, b"") if found.more_xmp else (b"",):
        with contextlib.suppress(Exception):
            packets += [xmp.packet(notes.made_by, found.xmp, more, turned=orientation != 1, place=notes.place)]
    records = iptc.kept(found.iptc, place=notes.place)
    return Metadata(kept, packets + metadata.xmp, records, own or density, texts, found.comment)


def _plausible(density: tuple[float, float] | None) -> tuple[float, float] | None:
    if density and all(math.isfinite(each) and _DENSITIES[0] <= each <= _DENSITIES[1] for each in density):
        return density
    return None


def _put_texts(kept: Exif, texts: Mapping[str, str]) -> None:
    """Texts as the tags that mean the same, where these are not there."""
    for key, tag in _TAGS_OF_TEXTS.items():
        if texts.get(key) and tag not in kept.main:
            kept.put(tag, texts[key])
    created = _date(texts.get(_CREATED, ""))
    if created and exif.TAKEN not in kept.details:
        kept.details[exif.TAKEN] = exif.entry(kept.order, created)


def _date(text: str) -> str | None:
    """A date as EXIF writes it, from one as RFC 1123 or ISO 8601 does."""
    if not text:
        return None
    import email.utils  # here, since few photos need it

    for read in (email.utils.parsedate_to_datetime, datetime.datetime.fromisoformat):
        with contextlib.suppress(Exception):
            return f"{(date := read(text)).year:04}:{date:%m:%d %H:%M:%S}"
    return text if len(text) == 19 and text[4:8:3] == "::" else None
