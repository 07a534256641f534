"""Where each format keeps its metadata. What is broken is not there."""

import contextlib
import re
import struct
from collections.abc import Callable

from colorize_service.imaging.formats.boxes import Meta
from colorize_service.imaging.formats.items import Item
from colorize_service.imaging.formats.tiff_layout import layout_of
from colorize_service.imaging.formats.webp import chunks_of as chunks_of_webp
from colorize_service.imaging.metadata import exif, iptc
from colorize_service.imaging.metadata.exif import MAX_BYTES
from colorize_service.imaging.metadata.found import Found
from colorize_service.imaging.metadata.png_texts import find_in_png

_INCH = 0.0254  # metres


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
    "PNG": find_in_png,
    "TIFF": _tiff,
    "WebP": _webp,
    "BMP": _bmp,
    "HEIC": _heif,
    "AVIF": _heif,
    "JPEG 2000": _jpeg2000,
}
