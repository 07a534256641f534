"""JPEG (ITU-T T.81): what the decoder needs of a file, whether all of it is there, and its pixels.

The decoder gets a header of this module's making: tables, frame and scans of the file, and of the applications'
segments only what says how the components are meant. So whatever is wrong elsewhere cannot reach it, and each warning
that it has left is about pixels.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageChops

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.profiles import MAX_PROFILE_BYTES, to_srgb

#: Scans of a JPEG. Encoders write up to about 15; each one more costs a pass over all pixels.
MAX_SCANS = 100
#: Segments of the header and between the scans.
MAX_SEGMENTS = 4_096
#: Bytes of all tables: eight of Huffman's for each scan have at most 2,200.
MAX_TABLE_BYTES = 500_000
#: EXIF segments: one is the rule.
MAX_EXIF_SEGMENTS = 16
#: Bytes that belong to nothing: padding and junk in the header and behind the scans but the last.
MAX_STRAY_BYTES = 65_536
#: Bytes between the last pixel and the end marker that are no padding. Some cameras write one or two.
MAX_LOOSE_BYTES = 2
#: Blocks of 8x8 pixels that a byte can hold: each takes at least a bit in Huffman's code. Twice as many, since maybe no
#: component has a block everywhere.
MAX_BLOCKS_IN_A_BYTE = 16
#: Bytes of a pixel in a scan, packed by whoever, and those that a picture of few pixels may have.
MAX_PIXEL, MAX_SMALL = 8, 1 << 20
#: Zeros in a row among the pixels, where they mean no flat area.
MAX_ZEROS = 32

# A marker, but not the stuffing, padding and restarts that entropy-coded data contain.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_DAC, _DQT, _DRI, _DHT = 0xCC, 0xDB, 0xDD, 0xC4
_APP0, _EXIF, _ICC, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, _DAC}
_READ_FRAMES = {0xC0: False, 0xC1: False, 0xC2: True, 0xC9: False, 0xCA: True}  # and whether it is progressive
_TABLES = {_DQT, _DRI, _DHT, _DAC}

#: Segments that say how three components are meant: as luma and chroma, or as red, green and blue.
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
RGB_MARKER = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"

_LOOSE = re.compile(r"(\d+) extraneous bytes before marker 0xd9")

_READ_AHEAD = 8  # bytes behind the last pixel that the decoder may have taken, and does not count

Pixels = npt.NDArray[np.uint8]

COLOURS = {1: "L", 3: "RGB", 4: "CMYK"}


@dataclass
class Jpeg:
    """A JPEG's header, and the pieces that its pixels need.

    Attributes:
        size: width and height in pixels, as stored.
        components: 1, 3 or 4.
        orientation: 1 to 8, of the EXIF data.
        icc: the colour profile, or None.
    """

    data: bytes
    size: tuple[int, int] = (0, 0)
    components: int = 0
    orientation: int = 1
    icc: bytes | None = None
    jfif: bool = False
    adobe: int | None = None  # the transform that Adobe's segment names
    progressive: bool = False
    arithmetic: bool = False
    pieces: list[memoryview] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)  # components that have a scan
    # Bits that are still missing of each coefficient of each component of a progressive JPEG; 99: all.
    missing: dict[int, list[int]] = field(default_factory=dict)
    shortest: dict[int, int] = field(default_factory=dict)  # of each Huffman table: what a code of zeros alone means

    def decode(self, *, gray: bool) -> Image.Image:
        """The pixels: mode L, RGB, RGBX (if there is no profile) or CMYK (0 is no ink).

        Args:
            gray: L, of three components as well.

        Raises:
            ImageError: a part of the data is missing or damaged.
        """
        mode = COLOURS[self.components]
        if mode == "L" or (gray and mode == "RGB"):
            return Image.fromarray(self.luma())
        if mode == "RGB" and self.icc is None:
            mode = "RGBX"  # nothing will be done to it, and Pillow need not copy what is laid out in its own way
        pixels = self._pixels(mode)
        if mode == "RGB":
            return Image.fromarray(pixels)
        image = Image.frombuffer(mode, self.size, pixels, "raw", mode, 0, 1)
        # Adobe counts ink from the top.
        return ImageChops.invert(image) if self.adobe is not None and mode == "CMYK" else image

    @property
    def is_luma(self) -> bool:
        """Whether `luma` is that of sRGB: there is no ink, and no profile that says otherwise."""
        return self.components != 4 and to_srgb(self.icc, COLOURS[self.components]) is None

    def luma(self) -> Pixels:
        """The luminance of one or three components, (height, width): of luma and chroma the luma as it is in the file.

        Raises:
            ImageError: a part of the data is missing or damaged.
        """
        return self._pixels("L")[..., 0]

    def _pixels(self, mode: str) -> Pixels:
        blocks = self.size[0] * self.size[1] // 64
        if not self.arithmetic and sum(map(len, self.pieces)) * MAX_BLOCKS_IN_A_BYTE < blocks:
            raise ImageError("The JPEG is cut off: a part of its pixels is missing.")
        # Where the end is missing, there is one now; if it was there, the decoder does not come to this one.
        whole = b"".join([*self._header(), *self.pieces, b"\xff\xd9"])
        pixels = _strict(whole, mode, len(whole) - len(self.pieces[-1]) - 2)
        if pixels.shape[1::-1] != self.size:
            raise ImageError("The JPEG is damaged: it says two different sizes.")
        return pixels

    def _header(self) -> list[bytes]:
        """What tells the decoder how the components are meant."""
        parts = [b"\xff\xd8"]
        if self.jfif:
            parts.append(JFIF)
        if self.adobe is not None:
            known = {3: (0, 1), 4: (0, 2)}.get(self.components, (0,))
            parts.append(
                b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([self.adobe if self.adobe in known else known[-1]])
            )
        return parts


def _strict(jpeg: bytes, mode: str, last_scan: int) -> Pixels:
    """Decode a file whose last scan begins at `last_scan`, and take the decoder's warnings for what they are."""
    colours = {"L": "GRAY", "RGB": "RGB", "RGBX": "RGBX", "CMYK": "CMYK"}[mode]
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(jpeg, colours, strict=True)
    except ValueError as error:  # which is what a warning is, too
        loose = _LOOSE.search(str(error))
        if loose and _is_padding(jpeg[: _end_of(jpeg, last_scan)], int(loose[1])):
            pixels = simplejpeg.decode_jpeg(jpeg, colours, strict=False)
        else:
            raise ImageError(_sentence(str(error).lower())) from error
    return pixels


def _is_padding(jpeg: bytes, count: int) -> bool:
    """Whether the `count` bytes at the end, which no pixel needed, were written to fill up.

    Zeros that are the remains of a longer run of them are not: the rest of that run was taken for pixels.
    """
    zeros = len(jpeg) - len(jpeg.rstrip(b"\0"))
    return count <= MAX_LOOSE_BYTES or count <= zeros <= count + _READ_AHEAD


def _sentence(reason: str) -> str:
    if "premature end" in reason:
        return "The JPEG is cut off: a part of its pixels is missing."
    if any(words in reason for words in ("unsupported", "not supported", "precision", "not implemented")):
        return "This kind of JPEG is not supported; a plain 8-bit JPEG is."
    return "The JPEG is damaged and cannot be read."


def read(data: bytes, max_segments: int = MAX_SEGMENTS) -> Jpeg:
    """Go through the segments of a JPEG by their lengths; nothing is decoded.

    Raises:
        ImageError: the header is cut off, damaged, made of too many pieces, or of a kind that is not supported.
    """
    jpeg, view = Jpeg(data), memoryview(data)
    profile: dict[int, memoryview] = {}
    at, stray, segments, exifs, scans, tables = 2, 0, 0, 0, 0, 0
    while found := _next_marker(data, at):
        marker, start, body = data[found.end() - 1], found.start(), found.end()
        if marker == _EOI:
            break
        if marker == _SOI:
            raise ImageError("The JPEG is damaged: a second picture begins within its header.")
        stray += start - at
        length = max(2, int.from_bytes(data[body : body + 2], "big"))
        at = body + length
        segments += marker != _SOS
        exifs += marker == _EXIF and data.startswith(b"Exif\0\0", body + 2)
        scans += marker == _SOS
        tables += length * (marker in _TABLES)
        many = segments > max_segments or exifs > MAX_EXIF_SEGMENTS or tables > MAX_TABLE_BYTES
        if many or stray > MAX_STRAY_BYTES:
            raise ImageError("The JPEG is damaged: its header is made of too many pieces.")
        if scans > MAX_SCANS:
            raise ImageError(f"The JPEG has more than {MAX_SCANS} scans, which is not accepted.")
        if marker == _SOS:
            following = _scan(jpeg, start, body, at)
            if following is None:
                break
            at = following
        elif marker in _TABLES:
            jpeg.pieces.append(view[start:at])
            if marker == _DHT:
                jpeg.shortest |= _shortest_codes(view[body + 2 : at])
        elif marker in _FRAMES:
            _frame(jpeg, marker, body)
            jpeg.pieces.append(view[start:at])
        else:
            _application(jpeg, marker, view[body + 2 : at], profile)
    if not jpeg.components:
        raise ImageError("The JPEG is cut off: it ends within its header.")
    jpeg.icc = _joined(profile)
    _check_complete(jpeg)
    return jpeg


def _next_marker(data: bytes, at: int) -> re.Match[bytes] | None:
    """The next marker behind a segment or a scan; None where the file ends."""
    end = at + MAX_STRAY_BYTES + 2
    found = _MARKER.search(data, at, end)
    if not found and end < len(data):
        raise ImageError("The JPEG is damaged: its header is made of too many pieces.")
    return found


def _frame(jpeg: Jpeg, marker: int, body: int) -> None:
    data = jpeg.data
    if jpeg.components:
        raise ImageError("The JPEG is damaged: it has two frames.")
    if body + 8 > len(data):
        raise ImageError("The JPEG is cut off: it ends within its header.")
    components = data[body + 7]
    if marker not in _READ_FRAMES or data[body + 2] != 8 or components not in COLOURS:
        raise ImageError("This kind of JPEG is not supported; a plain 8-bit JPEG is.")
    jpeg.progressive = _READ_FRAMES[marker]
    jpeg.arithmetic = marker > 0xC8
    jpeg.components = components
    jpeg.size = int.from_bytes(data[body + 5 : body + 7], "big"), int.from_bytes(data[body + 3 : body + 5], "big")
    jpeg.missing = {data[body + 8 + 3 * i]: [99] * 64 for i in range(components) if body + 8 + 3 * i < len(data)}


def _application(jpeg: Jpeg, marker: int, body: memoryview, profile: dict[int, memoryview]) -> None:
    start = bytes(body[:12])
    if marker == _APP0 and len(body) >= 14 and start.startswith(b"JFIF\0"):
        jpeg.jfif = True
    elif marker == _ADOBE and len(body) >= 12 and start.startswith(b"Adobe"):
        jpeg.adobe = start[11]
    elif marker == _EXIF and start.startswith(b"Exif\0\0") and jpeg.orientation == 1:
        jpeg.orientation = orientation(body)
    elif marker == _ICC and start == b"ICC_PROFILE\0" and len(body) > 14:
        profile[body[12]] = body[14:]


def _joined(profile: dict[int, memoryview]) -> bytes | None:
    """The colour profile from its pieces, which count from 1; None where one is missing, or it is too long."""
    if sorted(profile) != list(range(1, len(profile) + 1)) or sum(map(len, profile.values())) > MAX_PROFILE_BYTES:
        return None
    return b"".join(profile[number] for number in sorted(profile)) or None


def _scan(jpeg: Jpeg, start: int, body: int, at: int) -> int | None:
    """Take a scan, and say where the search for the next one begins; None behind the last."""
    data, components = jpeg.data, jpeg.components
    count = data[body + 2] if body + 2 < len(data) else 0
    ids = [data[body + 3 + 2 * i] for i in range(count) if body + 3 + 2 * i < len(data)]
    if not components or not 1 <= count <= 4 or any(name not in jpeg.missing for name in ids) or at > len(data):
        raise ImageError("The JPEG is damaged: it has a scan of nothing that is known.")
    jpeg.seen.update(ids)
    room = at + MAX_PIXEL * jpeg.size[0] * jpeg.size[1] + MAX_SMALL
    tables = [0x10 | data[body + 4 + 2 * i] & 15 for i in range(count)]
    if not jpeg.progressive and count == components:
        # All pixels are in here. The walk ends: where the entropy-coded data end is for the decoder to find.
        _check_zeros(jpeg, tables, at, None)
        jpeg.pieces.append(memoryview(data)[start : min(_end_of(data, at), room)])
        return None
    found = _MARKER.search(data, at, room)
    if not found and room < len(data):
        raise ImageError("The JPEG is damaged: it has more bytes than its pixels can take.")
    end = found.start() if found else len(data)
    if data[body + 3 + 2 * count]:  # coefficients other than the first
        _check_zeros(jpeg, tables, at, end)
    if not jpeg.progressive or _refine(jpeg, ids, *data[body + 3 + 2 * count : body + 6 + 2 * count]):
        jpeg.pieces.append(memoryview(data)[start:end])
    return end


def _shortest_codes(tables: memoryview) -> dict[int, int]:
    """For each Huffman table of a segment: the symbol whose code is zeros alone (T.81, B.2.4.2 and C.2)."""
    found, at = {}, 0
    while at + 17 < len(tables):
        found[tables[at]] = tables[at + 17]
        at += 17 + sum(tables[at + 1 : at + 17])
    return found


def _check_zeros(jpeg: Jpeg, tables: list[int], start: int, end: int | None) -> None:
    """Refuse a scan with a run of zeros that no encoder writes: a hole in the file.

    A run of zeros is a flat area where a code of zeros alone means "no more coefficients in this block". Else it is a
    row of coefficients that are all the same, which a decoder takes without a warning. The scan ends at `end`, or where
    the picture ends.
    """
    if all(jpeg.shortest.get(table, 1) & 15 == 0 for table in tables) or jpeg.arithmetic:
        return
    hole = jpeg.data.find(bytes(MAX_ZEROS), start, end)
    if hole >= 0 and jpeg.data[hole : _end_of(jpeg.data, start) if end is None else end].strip(b"\0"):
        raise ImageError("The JPEG is damaged: there is a hole in its pixels.")


def _end_of(data: bytes, start: int) -> int:
    """Where the end marker of the picture stands whose last scan begins at `start`."""
    found = data.find(b"\xff\xd9", start)
    return found if found >= 0 else len(data)


def _refine(jpeg: Jpeg, ids: list[int], first: int, last: int, bits: int) -> bool:
    """Note which bits of which coefficients a progressive scan brings (T.81, G.1.1); False if it brings none."""
    high, low = bits >> 4, bits & 15
    if last > 63 or first > last:
        raise ImageError("The JPEG is damaged: a scan brings coefficients that do not exist.")
    if high and all(jpeg.missing[name][k] <= low for name in ids for k in range(first, last + 1)):
        return False
    for name in ids:
        jpeg.missing[name][first : last + 1] = [low] * (last + 1 - first)
    return True


def _check_complete(jpeg: Jpeg) -> None:
    if not jpeg.seen:
        raise ImageError("The JPEG is cut off: its pixels are missing.")
    whole = jpeg.seen == set(jpeg.missing)
    if not whole or (jpeg.progressive and any(any(bits) for bits in jpeg.missing.values())):
        raise ImageError("The JPEG is cut off: a part of its pixels is missing.")
