"""JPEG (ITU-T T.81): what the decoder needs of a file, whether all of it is there, and its pixels.

The decoder gets a header of this module's making: tables, frame and scans of the file, and of the applications'
segments only what says how the components are meant. So whatever is wrong elsewhere cannot reach it, and each warning
that it has left is about pixels.
"""

import re
from dataclasses import dataclass, field

from PIL import Image, ImageChops

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats.exif import orientation
from colorize_service.imaging.formats.jpeg_decoder import Pixels, strict
from colorize_service.imaging.formats.jpeg_scans import MARKER, Scans
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
#: Blocks of 8x8 pixels that a byte can hold: each takes at least a bit in Huffman's code. Twice as many, since maybe no
#: component has a block everywhere.
MAX_BLOCKS_IN_A_BYTE = 16

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_DAC, _DQT, _DRI, _DHT = 0xCC, 0xDB, 0xDD, 0xC4
_APP0, _EXIF, _ICC, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, _DAC}
_READ_FRAMES = {0xC0: False, 0xC1: False, 0xC2: True, 0xC9: False, 0xCA: True}  # and whether it is progressive
_TABLES = {_DQT, _DRI, _DHT, _DAC}

#: Segments that say how three components are meant: as luma and chroma, or as red, green and blue.
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
RGB_MARKER = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"

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
    arithmetic: bool = False
    pieces: list[memoryview] = field(default_factory=list)

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
        whole = b"".join([*self._header(), *self.pieces])
        pixels = strict(whole, mode, len(whole) - len(self.pieces[-1]), arithmetic=self.arithmetic)
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


def read(data: bytes, max_segments: int = MAX_SEGMENTS) -> Jpeg:
    """Go through the segments of a JPEG by their lengths; nothing is decoded.

    Raises:
        ImageError: the header is cut off, damaged, made of too many pieces, or of a kind that is not supported.
    """
    jpeg, view, scans = Jpeg(data), memoryview(data), Scans(data)
    profile: dict[int, memoryview] = {}
    at, stray, segments, exifs, count, tables = 2, 0, 0, 0, 0, 0
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
        count += marker == _SOS
        tables += length * (marker in _TABLES)
        many = segments > max_segments or exifs > MAX_EXIF_SEGMENTS or tables > MAX_TABLE_BYTES
        if many or stray > MAX_STRAY_BYTES:
            raise ImageError("The JPEG is damaged: its header is made of too many pieces.")
        if count > MAX_SCANS:
            raise ImageError(f"The JPEG has more than {MAX_SCANS} scans, which is not accepted.")
        if marker == _SOS:
            following = scans.take(start, body, at)
            if following is None:
                break
            at = following
        elif marker in _TABLES:
            scans.pieces.append(view[start:at])
            if marker == _DHT:
                scans.learn(view[body + 2 : at])
        elif marker in _FRAMES:
            _frame(jpeg, scans, marker, body)
            scans.pieces.append(view[start:at])
        else:
            _application(jpeg, marker, view[body + 2 : at], profile)
    if not jpeg.components:
        raise ImageError("The JPEG is cut off: it ends within its header.")
    scans.check_complete()
    jpeg.icc, jpeg.pieces = _joined(profile), scans.pieces
    return jpeg


def _next_marker(data: bytes, at: int) -> re.Match[bytes] | None:
    """The next marker behind a segment or a scan; None where the file ends."""
    end = at + MAX_STRAY_BYTES + 2
    found = MARKER.search(data, at, end)
    if not found and end < len(data):
        raise ImageError("The JPEG is damaged: its header is made of too many pieces.")
    return found


def _frame(jpeg: Jpeg, scans: Scans, marker: int, body: int) -> None:
    data = jpeg.data
    if jpeg.components:
        raise ImageError("The JPEG is damaged: it has two frames.")
    if body + 8 > len(data):
        raise ImageError("The JPEG is cut off: it ends within its header.")
    components = data[body + 7]
    if marker not in _READ_FRAMES or data[body + 2] != 8 or components not in COLOURS:
        raise ImageError("This kind of JPEG is not supported; a plain 8-bit JPEG is.")
    jpeg.components = components
    jpeg.size = int.from_bytes(data[body + 5 : body + 7], "big"), int.from_bytes(data[body + 3 : body + 5], "big")
    jpeg.arithmetic = marker > 0xC8
    scans.begin(jpeg.size, data[body + 8 : body + 8 + 3 * components : 3], _READ_FRAMES[marker], jpeg.arithmetic)


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
