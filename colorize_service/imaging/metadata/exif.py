"""EXIF (CIPA DC-008) and the tags of a TIFF: which of them a result keeps, as the bytes that they are.

Values are not interpreted, so nothing is lost of texts in whatever encoding. They keep the byte order of their file.
"""

import struct
from collections.abc import Set
from dataclasses import dataclass, field

from colorize_service.imaging.formats.tiff_layout import MAX_ENTRIES
from colorize_service.imaging.metadata.places import without_coordinates

#: Bytes of all metadata of a photo together. Where there are more, the longest are not kept.
MAX_BYTES = 1_000_000

# Bytes of a value by TIFF's type; 13 is a pointer.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_POINTERS = {4: "L", 13: "L", 16: "Q", 18: "Q"}
TEXT, SHORT, LONG, FRACTION, BYTES = 2, 3, 4, 5, 7

DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, UNIT, SOFTWARE, ARTIST, XMP = 270, 282, 283, 296, 305, 315, 700
COPYRIGHT, IPTC, PHOTOSHOP, EXIF, GPS, TAKEN = 33432, 33723, 34377, 34665, 34853, 36867
_COLOUR_SPACE, _WIDTH, _HEIGHT = 40961, 40962, 40963
_KEYWORDS = 40094  # as Windows writes them: UTF-16, semicolons between them
_INCH, _CENTIMETRE = 2, 3

# Of the first directory, what says something of the photo and nothing of its pixels: names, texts, camera, dates,
# stars, and what Windows calls title, comment, author, keywords and subject.
_MAIN = {269, 270, 271, 272, 285, 306, 315, 316, 18246, 18249, 33432, 36867, *range(40091, 40096)}
_RESOLUTION = {X_RESOLUTION, Y_RESOLUTION, UNIT}
# Of the second, what the standards name (EXIF 3.0, TIFF/EP) but these: components, bits and colours of the file; the
# maker's note, whose offsets are those of the old file; where the subject is, in old pixels; a sound file; further
# directories. Tags of nobody's standard may hold anything, coordinates too.
_DETAILS = {
    *(33434, 33437, 34850, 34852, 34855, 34856, 34858, 34859, *range(34864, 34870), 36864, 36867, 36868),
    *(*range(36880, 36883), *range(37377, 37396), 37510, *range(37520, 37523), *range(37888, 37894)),
    *(41483, 41484, *range(41486, 41489), 41493, 41495, 41728, 41729, *range(41985, 41997)),
    *(42016, *range(42032, 42045), *range(42080, 42083)),
}
_GPS = set(range(32))
_READ_MAIN = _MAIN | _RESOLUTION | {XMP, IPTC, PHOTOSHOP, EXIF, GPS}
# Descriptions by which programs know the layout of a file's pixels, and no captions: tifffile, ImageJ, OME.
_LAYOUTS = (b'{"shape"', b"ImageJ=", b"<?xml")


@dataclass(frozen=True)
class Entry:
    """A tag's value: TIFF's type, how many, and the bytes."""

    form: int
    count: int
    value: bytes


Directory = dict[int, Entry]


@dataclass
class Exif:
    """Tags by number, in the three directories that are kept: of the picture, of how it was taken, and of where."""

    order: str = "<"
    main: Directory = field(default_factory=dict)
    details: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.main or self.details or self.gps)

    def number(self, tag: int) -> float | None:
        """The first number of a tag of the first directory, if it is one."""
        entry = self.main.get(tag)
        form = {SHORT: "H", LONG: "L", FRACTION: "LL"}.get(entry.form) if entry else None
        if entry is None or form is None:
            return None
        value, by = (*struct.unpack_from(self.order + form, entry.value), 1)[:2]
        return value / by if by else None

    def put(self, tag: int, value: int | str | float) -> None:
        """Set a tag of the first directory: a whole number as SHORT or LONG, a text, or a fraction."""
        self.main[tag] = entry(self.order, value)

    def add(self, other: "Exif") -> None:
        """Take from another what this says nothing of, but no resolution."""
        if other.order == self.order:
            self.main |= {tag: one for tag, one in other.main.items() if tag not in self.main.keys() | _RESOLUTION}
            self.details, self.gps = self.details or other.details, self.gps or other.gps


def entry(order: str, *values: int | str | float) -> Entry:
    """The entry for whole numbers (all SHORT, or all LONG), one text, or one fraction."""
    first = values[0]
    if isinstance(first, str):
        text = first.encode() + b"\0"
        return Entry(TEXT, len(text), text)
    if isinstance(first, float):
        return Entry(FRACTION, 1, struct.pack(order + "LL", round(first * 10_000), 10_000))
    wide = max(int(value) for value in values) > 0xFFFF
    form = f"{order}{len(values)}{'L' if wide else 'H'}"
    return Entry(LONG if wide else SHORT, len(values), struct.pack(form, *values))


def read(block: bytes) -> Exif:
    """An EXIF block, with or without ``Exif`` in front. What is broken in it is not there."""
    block = block[6:] if block[:6] == b"Exif\0\0" else block
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return Exif()
    return read_directories(block, struct.unpack_from(order + "L", block, 4)[0], order)


def read_directories(data: bytes, at: int, order: str, big: bool = False) -> Exif:
    """The directory that begins at ``at`` in a TIFF or, if ``big``, in a BigTIFF, and those that it names.

    Of their tags those that a result may keep, and those that hold XMP, IPTC and Photoshop's resources.
    """
    main = _entries(data, at, order, big, _READ_MAIN)
    found = Exif(order, {tag: one for tag, one in main.items() if one.form in _SIZES})
    for tag, into, wanted in ((EXIF, found.details, _DETAILS), (GPS, found.gps, _GPS)):
        found.main.pop(tag, None)
        pointer = main.get(tag)
        if pointer and pointer.form in _POINTERS and pointer.count == 1:
            (there,) = struct.unpack(order + _POINTERS[pointer.form], pointer.value)
            entries = _entries(data, there, order, big, wanted)
            into |= {tag: one for tag, one in entries.items() if one.form in _SIZES}
    return found


def _entries(data: bytes, at: int, order: str, big: bool, wanted: Set[int]) -> Directory:
    """The wanted entries of a directory, each once, as far as their values lie within the data and within reason."""
    found: Directory = {}
    sizes = _SIZES | {13: 4, 16: 8, 18: 8}
    count_form, entry_form, offset = ("Q", "HHQ", "Q") if big else ("H", "HHL", "L")
    step, inline = struct.calcsize("<" + entry_form) + struct.calcsize("<" + offset), struct.calcsize("<" + offset)
    left = 4 * MAX_BYTES  # values may lie over each other, and be many times as long as the file
    try:
        (entries,) = struct.unpack_from(order + count_form, data, at)
        at += struct.calcsize("<" + count_form)
        for here in range(at, at + step * min(entries, MAX_ENTRIES), step):
            tag, form, count = struct.unpack_from(order + entry_form, data, here)
            length = sizes.get(form, 0) * count
            if tag not in wanted or tag in found or length < 1 or (tag != PHOTOSHOP and length > left):
                continue
            start = here + step - inline
            if length > inline:
                (start,) = struct.unpack_from(order + offset, data, start)
            if length <= len(data) - start:
                found[tag] = Entry(form, count, data[start : start + length])
                left -= length if tag != PHOTOSHOP else 0
    except struct.error:
        pass  # it ends within its directory
    return found


def kept(found: Exif, *, turned: bool, place: bool) -> Exif:
    """What a result keeps of it: nothing of the old file's pixels, colours and offsets.

    Args:
        turned: whether rows have become columns.
        place: whether to keep where it was taken.
    """
    resolution = {
        {X_RESOLUTION: Y_RESOLUTION, Y_RESOLUTION: X_RESOLUTION}.get(tag, tag) if turned else tag: found.main[tag]
        for tag in _RESOLUTION & found.main.keys()
    }
    main = {tag: one for tag, one in found.main.items() if tag in _MAIN} | resolution
    if DESCRIPTION in main and main[DESCRIPTION].value.startswith(_LAYOUTS):
        del main[DESCRIPTION]
    if _KEYWORDS in main and not place:
        words = without_coordinates(main[_KEYWORDS].value.decode("utf-16-le", "replace").rstrip("\0")) + "\0"
        main[_KEYWORDS] = Entry(main[_KEYWORDS].form, 2 * len(words), words.encode("utf-16-le"))
    if resolution and not _is_resolution(found):
        main = {tag: one for tag, one in main.items() if tag not in _RESOLUTION}
    return Exif(
        found.order,
        main,
        {tag: one for tag, one in found.details.items() if tag in _DETAILS},
        {tag: one for tag, one in found.gps.items() if tag in _GPS} if place else {},
    )


def _is_resolution(exif: Exif) -> bool:
    """Whether it says a resolution, or at least a pixel's shape, and not 0/0."""
    return (exif.number(X_RESOLUTION) or 0) > 0 and (exif.number(Y_RESOLUTION) or 0) > 0


def resolution_of(exif: Exif) -> tuple[float, float] | None:
    """Pixels per inch to the right and downwards, if it says so."""
    across, down, unit = exif.number(X_RESOLUTION), exif.number(Y_RESOLUTION), exif.number(UNIT) or _INCH
    if not across or not down or unit not in (_INCH, _CENTIMETRE):
        return None
    factor = 2.54 if unit == _CENTIMETRE else 1
    return across * factor, down * factor


def put_resolution(exif: Exif, resolution: tuple[float, float]) -> None:
    """Set pixels per inch."""
    exif.main |= {X_RESOLUTION: entry(exif.order, resolution[0]), Y_RESOLUTION: entry(exif.order, resolution[1])}
    exif.put(UNIT, _INCH)


def describe_pixels(exif: Exif, size: tuple[int, int]) -> None:
    """Say what the result's pixels are, where it has a directory for that: sRGB, and of this width and height."""
    if exif.details:
        exif.details.setdefault(36864, Entry(BYTES, 4, b"0232"))
        for tag, value in ((_COLOUR_SPACE, 1), (_WIDTH, size[0]), (_HEIGHT, size[1])):
            exif.details[tag] = entry(exif.order, value)


def written(exif: Exif, *, most: int | None = None) -> bytes:
    """A block of EXIF, without ``Exif`` in front.

    Args:
        most: bytes that there is room for; where they are too few the longest values are left out.
    """
    main, details, gps = (dict(each) for each in (exif.main, exif.details, exif.gps))
    while True:
        block = header(exif.order) + directories(Exif(exif.order, main, details, gps), 8)
        if most is None or len(block) <= most:
            return block
        holder, tag = max(((each, tag) for each in (main, details, gps) for tag in each), key=_length)
        del holder[tag]


def _length(place: tuple[Directory, int]) -> int:
    return len(place[0][place[1]].value)


def header(order: str) -> bytes:
    """The first eight bytes of a TIFF whose first directory follows at once."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, 8)


def directories(exif: Exif, at: int) -> bytes:
    """The directories with their values, to stand at the offset ``at`` of a TIFF."""
    main = dict(exif.main)
    subs = [(tag, sub) for tag, sub in ((EXIF, exif.details), (GPS, exif.gps)) if sub]
    main |= {tag: Entry(LONG, 1, bytes(4)) for tag, _ in subs}
    end = at + len(_directory(main, at, exif.order))
    bodies: list[bytes] = []
    for tag, sub in subs:
        main[tag] = Entry(LONG, 1, struct.pack(exif.order + "L", end))
        bodies.append(_directory(sub, end, exif.order))
        end += len(bodies[-1])
    return b"".join([_directory(main, at, exif.order), *bodies])


def _directory(entries: Directory, at: int, order: str) -> bytes:
    table, loose = [struct.pack(order + "H", len(entries))], _Loose(at + 2 + 12 * len(entries) + 4)
    for tag in sorted(entries):
        one = entries[tag]
        value = one.value.ljust(4, b"\0") if len(one.value) <= 4 else struct.pack(order + "L", loose.add(one.value))
        table.append(struct.pack(order + "HHL", tag, one.form, one.count) + value)
    return b"".join([*table, bytes(4), *loose.parts])


class _Loose:
    """Values that do not fit into their entry, each at an even offset."""

    def __init__(self, at: int):
        self.at, self.parts = at, list[bytes]()

    def add(self, value: bytes) -> int:
        here, padded = self.at, value + bytes(len(value) % 2)
        self.parts.append(padded)
        self.at += len(padded)
        return here
