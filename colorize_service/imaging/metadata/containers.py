"""Where each format keeps its metadata. What is broken is not there."""

import contextlib
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from colorize_service.imaging.formats.boxes import Item, Meta
from colorize_service.imaging.formats.png import chunks as chunks_of_png
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
        density: pixels per inch to the right and downwards, where the format itself has a place for it.
        texts: of a PNG, by keyword.
        comment: of a JPEG.
    """

    exif: Exif = field(default_factory=Exif)
    xmp: bytes = b""
    iptc: bytes = b""
    density: tuple[float, float] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    comment: bytes = b""

    def size(self) -> int:
        """Bytes in all."""
        texts = sum(len(key) + len(text) for key, text in self.texts.items())
        return exif.size_of(self.exif) + len(self.xmp) + len(self.iptc) + texts + len(self.comment)


def find(kind: str, data: bytes) -> Found:
    """The metadata of a file of one of the formats in ``picture_kinds``."""
    found = Found()
    finder = _FINDERS.get(kind)
    if finder:
        with contextlib.suppress(Exception):  # what was found before stays
            finder(data, found)
    return found


# --- JPEG ------------------------------------------------------------------------------------------------------------

_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_MAX_SEGMENTS = 4_096
_MAX_ITEMS = 16
_XMP_NAME, _PHOTOSHOP_NAME = b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"


def _jpeg(data: bytes, found: Found) -> None:
    at, resources = 2, b""
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
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and not found.exif.main:
            found.exif = exif.read(body)
        elif marker == 0xE1 and body.startswith(_XMP_NAME):
            found.xmp = found.xmp or body[len(_XMP_NAME) :]
        elif marker == 0xED and body.startswith(_PHOTOSHOP_NAME):
            resources += body[len(_PHOTOSHOP_NAME) :] if len(resources) <= MAX_BYTES else b""
        elif marker == 0xFE:
            found.comment = found.comment or body
    found.iptc = iptc.of_photoshop(resources)


# --- PNG -------------------------------------------------------------------------------------------------------------

_PNG_CHUNKS = {b"eXIf", b"pHYs", b"tEXt", b"zTXt", b"iTXt"}
_XMP_KEY, _RAW_PROFILE = "XML:com.adobe.xmp", "Raw profile type "


def _png(data: bytes, found: Found) -> None:
    raw: dict[str, bytes] = {}
    left = MAX_BYTES
    for name, body, checksum in chunks_of_png(data, _PNG_CHUNKS):
        if name not in _PNG_CHUNKS or len(body) > MAX_BYTES:
            continue
        if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(checksum, "big"):
            continue
        if name == b"eXIf":
            found.exif = exif.read(bytes(body))
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            across, down = struct.unpack_from(">LL", body)
            found.density = (across * _INCH, down * _INCH) if across and down else None
        else:
            with contextlib.suppress(zlib.error, ValueError, IndexError):
                key, text = _text(name, bytes(body))
                left -= len(text)
                if key.startswith(_RAW_PROFILE):
                    lines = text.strip().splitlines()  # its name, its length, and hexadecimal digits
                    raw[key[len(_RAW_PROFILE) :]] = bytes.fromhex("".join(lines[2:]))
                elif key == _XMP_KEY:
                    found.xmp = found.xmp or text.encode()
                elif len(found.texts) < _MAX_SEGMENTS and 1 <= len(key) <= 79:
                    found.texts.setdefault(key, text)
        if left < 0:
            break  # so that many packed texts cost no more than a few
    # As ImageMagick and others write what PNG had no place for.
    found.iptc = iptc.of_photoshop(raw.get("iptc", b"")) or raw.get("iptc", b"")
    found.xmp = found.xmp or raw.get("xmp", b"")
    if not found.exif.main:
        found.exif = exif.read(raw.get("exif") or raw.get("APP1") or b"")


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
    return text if unpacker.eof else b""


# --- TIFF, WebP, BMP -------------------------------------------------------------------------------------------------


def _tiff(data: bytes, found: Found) -> None:
    layout = layout_of(data)
    found.exif = exif.read_directories(data, layout.directory, layout.order, 43 in data[2:4])
    main = found.exif.main
    found.xmp, found.iptc = (main.pop(tag).value if tag in main else b"" for tag in (exif.XMP, exif.IPTC))
    resources = main.pop(exif.PHOTOSHOP, None)
    if resources and not found.iptc:
        found.iptc = iptc.of_photoshop(resources.value)


def _webp(data: bytes, found: Found) -> None:
    for name, body in chunks_of_webp(memoryview(data)[12:], (b"EXIF", b"XMP "))[0]:
        if len(body) > MAX_BYTES:
            continue
        if name == b"EXIF":
            found.exif = exif.read(bytes(body))
        elif name == b"XMP ":
            found.xmp = bytes(body)


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
        if item.kind == b"Exif" and not found.exif.main:
            found.exif = exif.read(body[4 + int.from_bytes(body[:4], "big") :])
        elif item.kind == b"mime" and b"rdf" in body:
            found.xmp = found.xmp or body


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
            if what == "exif":
                found.exif = exif.read(value)
            elif what:
                setattr(found, what, value)
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
