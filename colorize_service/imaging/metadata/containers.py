"""Where each format keeps its metadata. What is broken is not there."""

import contextlib
import functools
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from colorize_service.imaging.formats.boxes import Meta
from colorize_service.imaging.formats.items import Item
from colorize_service.imaging.formats.png_chunks import chunks as chunks_of_png
from colorize_service.imaging.formats.tiff_layout import layout_of
from colorize_service.imaging.formats.webp import chunks_of as chunks_of_webp
from colorize_service.imaging.metadata import exif, iptc
from colorize_service.imaging.metadata.exif import MAX_BYTES, Exif

_INCH = 0.0254  # metres


@dataclass
class Found:
    """A photo's metadata as they are in its file.

    Attributes:
        xmp, iptc: an XMP packet and IPTC-IIM data; empty if there are none.
        more_xmp: a second packet, of what had no room in the first.
        density: pixels per inch to the right and downwards, where the format itself has a place for it.
        texts: of a PNG, by keyword.
        comment: of a JPEG.
    """

    exif: Exif = field(default_factory=Exif)
    xmp: bytes = b""
    more_xmp: bytes = b""
    iptc: bytes = b""
    density: tuple[float, float] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    comment: bytes = b""

    def put(self, what: str, value: bytes | Exif) -> None:
        """Set a part that is not there yet: of two in a file the first is the one that others read."""
        if not getattr(self, what):
            setattr(self, what, value)

    def shorten(self, most: int) -> None:
        """Leave out the longest parts until all together have at most so many bytes."""
        parts = sorted(self._parts(), key=lambda part: -part[0])
        excess = sum(length for length, _ in parts) - most
        for length, leave_out in parts:
            if excess <= 0:
                break
            leave_out()
            excess -= length

    def _parts(self) -> Iterator[tuple[int, Callable[[], object]]]:
        """The length of each part, and what leaves it out."""
        for name in ("xmp", "more_xmp", "iptc", "comment"):
            yield len(getattr(self, name)), functools.partial(setattr, self, name, b"")
        for key, text in self.texts.items():
            yield len(key) + len(text), functools.partial(self.texts.pop, key)
        for directory in (self.exif.main, self.exif.details, self.exif.gps):
            for tag, entry in directory.items():
                yield len(entry.value), functools.partial(directory.pop, tag)


def find(kind: str, data: bytes) -> Found:
    """The metadata of a file of one of the formats in ``picture_kinds``, at most ``MAX_BYTES``."""
    found = Found()
    finder = _FINDERS.get(kind)
    if finder:
        with contextlib.suppress(Exception):  # what was found before stays
            finder(data, found)
    # The tags of a TIFF that hold these may stand in an EXIF block, too.
    for tag, what in ((exif.XMP, "xmp"), (exif.IPTC, "iptc")):
        if entry := found.exif.main.pop(tag, None):
            found.put(what, entry.value)
    if resources := found.exif.main.pop(exif.PHOTOSHOP, None):
        found.put("iptc", iptc.of_photoshop(resources.value))
    found.shorten(MAX_BYTES)
    return found


# --- JPEG ------------------------------------------------------------------------------------------------------------

_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_MAX_SEGMENTS = 4_096
_MAX_ITEMS = 16
_XMP_NAME, _PHOTOSHOP_NAME = b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
_MORE_XMP_NAME = b"http://ns.adobe.com/xmp/extension/\0"


def _jpeg(data: bytes, found: Found) -> None:
    at, resources, more = 2, list[bytes](), list[bytes]()
    for _ in range(_MAX_SEGMENTS):
        mark = _MARKER.search(data, at)
        if not mark or data[mark.end() - 1] in (0xD9, 0xDA):
            break
        marker, start = data[mark.end() - 1], mark.end() + 2
        at = start - 2 + max(2, int.from_bytes(data[start - 2 : start], "big"))
        body = data[start:at]
        if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            unit, across, down = struct.unpack_from(">BHH", body, 7)
            if unit in (1, 2) and across and down:
                found.density = across * (1, 2.54)[unit - 1], down * (1, 2.54)[unit - 1]
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            found.put("exif", exif.read(body))
        elif marker == 0xE1 and body.startswith(_XMP_NAME):
            found.put("xmp", body[len(_XMP_NAME) :])
        elif marker == 0xED and body.startswith(_PHOTOSHOP_NAME):
            resources.append(body[len(_PHOTOSHOP_NAME) :])
        elif marker == 0xE1 and body.startswith(_MORE_XMP_NAME):
            more.append(body[len(_MORE_XMP_NAME) :])
        elif marker == 0xFE:
            found.put("comment", body)
    found.iptc, found.more_xmp = iptc.of_photoshop(b"".join(resources)), _joined(more, found.xmp)


def _joined(pieces: list[bytes], xmp: bytes) -> bytes:
    """The packet in pieces that ``xmp`` names (XMP, part 3, 1.1.3.1); nothing if one of them is missing."""
    packet, whole = bytearray(), 0
    for piece in sorted(pieces, key=lambda piece: piece[:40]):
        if len(piece) > 40 and piece[:32] in xmp:
            whole, at = struct.unpack_from(">LL", piece, 32)
            if at == len(packet) < whole <= MAX_BYTES:
                packet += piece[40:]
    return bytes(packet) if len(packet) == whole else b""


# --- PNG -------------------------------------------------------------------------------------------------------------

_PNG_CHUNKS = {b"eXIf", b"pHYs", b"tEXt", b"zTXt", b"iTXt"}
_XMP_KEY, _RAW_PROFILE = "XML:com.adobe.xmp", "Raw profile type "


def _png(data: bytes, found: Found) -> None:
    raw: dict[str, bytes] = {}
    left = 4 * MAX_BYTES  # of texts, which may be packed to a thousandth
    for name, body, checksum in chunks_of_png(data, _PNG_CHUNKS):
        if name not in _PNG_CHUNKS or len(body) > min(MAX_BYTES, left):
            continue
        if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(checksum, "big"):
            continue
        if name == b"eXIf":
            found.put("exif", exif.read(bytes(body)))
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            across, down = struct.unpack_from(">LL", body)
            found.density = (across * _INCH, down * _INCH) if across and down else None
        elif name != b"pHYs":
            try:
                key, text = _text(name, bytes(body))
                left -= len(text)
                if key.startswith(_RAW_PROFILE):
                    lines = text.strip().splitlines()  # its name, its length, and hexadecimal digits
                    raw.setdefault(key[len(_RAW_PROFILE) :], bytes.fromhex("".join(lines[2:])))
                elif key == _XMP_KEY:
                    found.put("xmp", text.encode())
                elif len(found.texts) < _MAX_SEGMENTS and 1 <= len(key) <= 79:
                    found.texts.setdefault(key, text)
            except (zlib.error, ValueError, IndexError):
                left -= MAX_BYTES if name != b"tEXt" else 0  # what may have been unpacked before
    # As ImageMagick and others write what PNG had no place for; APP1 is the JPEG's segment of either.
    for key in ("exif", "APP1", "xmp"):
        profile = raw.get(key, b"")
        is_xmp = key == "xmp" or profile.startswith(_XMP_NAME)
        found.put("xmp" if is_xmp else "exif", profile.removeprefix(_XMP_NAME) if is_xmp else exif.read(profile))
    for key in ("iptc", "8bim"):
        profile = raw.get(key, b"").removeprefix(_PHOTOSHOP_NAME)
        found.put("iptc", iptc.of_photoshop(profile) or (profile if profile[:1] == b"\x1c" else b""))


def _text(name: bytes, body: bytes) -> tuple[str, str]:
    """Keyword and text of a chunk."""
    key, _, rest = body.partition(b"\0")
    if name == b"tEXt":
        return key.decode("latin-1"), rest.decode("latin-1")
    if name == b"zTXt":
        return key.decode("latin-1"), _inflated(rest[1:]).decode("latin-1")
    _, _, text = rest[2:].split(b"\0", 2)  # behind the language, and the keyword in it
    return key.decode("latin-1"), (_inflated(text) if rest[0] else text).decode()


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, MAX_BYTES)
    if not unpacker.eof:
        raise ValueError("It is cut off, or too long.")
    return text


# --- TIFF, WebP, BMP -------------------------------------------------------------------------------------------------


def _tiff(data: bytes, found: Found) -> None:
    layout, big = layout_of(data), 43 in data[2:4]
    found.exif = exif.read_directories(data, layout.directory, layout.order, big)
    (first,) = struct.unpack_from(layout.order + ("Q" if big else "L"), data, 8 if big else 4)
    if first != layout.directory:  # of a reduced copy, and yet programs may note there what is said of the picture
        found.exif.add(exif.read_directories(data, first, layout.order, big))


def _webp(data: bytes, found: Found) -> None:
    for name, body in chunks_of_webp(memoryview(data)[12:], (b"EXIF", b"XMP "))[0]:
        if len(body) > MAX_BYTES:
            continue
        if name == b"EXIF":
            found.put("exif", exif.read(bytes(body)))
        elif name == b"XMP ":
            found.put("xmp", bytes(body))


def _bmp(data: bytes, found: Found) -> None:
    if int.from_bytes(data[14:18], "little") >= 40:
        across, down = struct.unpack_from("<ll", data, 38)
        if across > 0 and down > 0:
            found.density = across * _INCH, down * _INCH


# --- HEIC, AVIF, JPEG 2000 -------------------------------------------------------------------------------------------


def _heif(data: bytes, found: Found) -> None:
    meta = Meta(data)
    kinds = {b"Exif": 0, b"mime": 0}
    items: dict[int, Item] = {}
    for number, kind in meta.kinds.items():
        if kind in kinds and kinds[kind] < _MAX_ITEMS:
            kinds[kind] += 1
            items[number] = Item(kind)
    meta.fill(items)
    for item in items.values():
        if sum(map(len, item.pieces)) > MAX_BYTES:
            continue
        body = item.payload()
        if item.kind == b"Exif":
            found.put("exif", exif.read(body[4 + int.from_bytes(body[:4], "big") :]) or exif.read(body[4:]))
        elif b"rdf" in body:
            found.put("xmp", body)


_UUIDS = {
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
}


def _jpeg2000(data: bytes, found: Found) -> None:
    at = 12
    for _ in range(_MAX_SEGMENTS):
        if at + 8 > len(data):
            return
        length, name = struct.unpack_from(">L4s", data, at)
        body = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = len(data) if length == 0 else at + length
        if end <= at:
            return
        if name in (b"jp2h", b"res "):  # boxes of boxes
            end = body
        elif name in (b"resc", b"resd") and (name == b"resd" or not found.density):
            down, by, across, by_, power, power_ = struct.unpack_from(">4H2b", data, body)
            if down and by and across and by_ and max(abs(power), abs(power_)) < 20:
                found.density = across / by_ * 10.0**power_ * _INCH, down / by * 10.0**power * _INCH
        elif name == b"uuid" and end - body <= MAX_BYTES:
            what, value = _UUIDS.get(data[body : body + 16]), data[body + 16 : end]
            if what:
                found.put(what, exif.read(value) if what == "exif" else value)
        at = end


_FINDERS: dict[str, Callable[[bytes, Found], None]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "WebP": _webp,
    "BMP": _bmp,
    "HEIC": _heif,
    "AVIF": _heif,
    "JPEG 2000": _jpeg2000,
}
