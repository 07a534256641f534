"""Where a PNG keeps its metadata: in chunks of its own, and in texts."""

import struct
import zlib

from colorize_service.imaging.formats.png_chunks import chunks
from colorize_service.imaging.metadata import exif, iptc
from colorize_service.imaging.metadata.exif import MAX_BYTES
from colorize_service.imaging.metadata.found import Found

_INCH = 0.0254  # metres
_MAX_TEXTS = 4_096
_XMP_NAME, _PHOTOSHOP_NAME = b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
_PNG_CHUNKS = {b"eXIf", b"pHYs", b"tEXt", b"zTXt", b"iTXt"}
_XMP_KEY, _RAW_PROFILE = "XML:com.adobe.xmp", "Raw profile type "


def find_in_png(data: bytes, found: Found) -> None:
    """Put what a PNG has into ``found``; of packed texts no more than a few megabytes are unpacked."""
    raw: dict[str, bytes] = {}
    left = 4 * MAX_BYTES  # of texts, which may be packed to a thousandth
    for name, body, checksum in chunks(data, _PNG_CHUNKS):
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
                elif len(found.texts) < _MAX_TEXTS and 1 <= len(key) <= 79:
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
