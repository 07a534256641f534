"""Photos with metadata in odd places, built by hand where exiftool writes only what is right."""

import io
import struct

import numpy as np
from PIL import Image

from colorize_service.imaging import open_photo, results, shrink
from colorize_service.imaging.metadata import Metadata, Notes
from colorize_service.imaging.results import Planes
from tests.support.pictures.files import chunk
from tests.support.results import flat_chroma

SIZE = (48, 32)
#: Tags by name that EXIF has in the directory of how a photo was taken, and in the first.
TAKEN, ARTIST, X_RESOLUTION, Y_RESOLUTION, UNIT = 36867, 315, 282, 283, 296
DATE = b"1944:06:06 06:30:00\0"


def gray() -> Image.Image:
    return Image.fromarray(np.linspace(20, 230, SIZE[0] * SIZE[1]).reshape(SIZE[::-1]).astype(np.uint8))


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    gray().save(buffer, kind, **options)
    return buffer.getvalue()


def directory(at: int, tags: dict[int, tuple[int, int, bytes]]) -> bytes:
    """A directory of (type, count, bytes) that stands at ``at``, its long values behind it."""
    head, loose = struct.pack("<H", len(tags)), b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag, (form, count, value) in sorted(tags.items()):
        field = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<L", behind + len(loose))
        loose += value if len(value) > 4 else b""
        head += struct.pack("<HHL", tag, form, count) + field
    return head + bytes(4) + loose


def block(main: dict[int, tuple[int, int, bytes]], details: dict[int, tuple[int, int, bytes]] | None = None) -> bytes:
    """An EXIF block."""
    if not details:
        return b"II*\0\x08\0\0\0" + directory(8, main)
    there = 8 + len(directory(8, main | {34665: (4, 1, bytes(4))}))
    first = directory(8, main | {34665: (4, 1, struct.pack("<L", there))})
    return b"II*\0\x08\0\0\0" + first + directory(there, details)


def text(value: bytes) -> tuple[int, int, bytes]:
    return 2, len(value), value


def only_a_date() -> bytes:
    """A block that has nothing in its first directory but where the second is."""
    return block({}, {TAKEN: text(DATE)})


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG with segments behind its first one."""
    data = saved("JPEG")
    end = 4 + int.from_bytes(data[4:6], "big")
    more = b"".join(struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body for marker, body in segments)
    return data[:end] + more + data[end:]


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks before its pixels."""
    data = saved("PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(chunk(*each) for each in chunks) + data[at:]


def raw_profile(name: str, data: bytes) -> tuple[bytes, bytes]:
    """A chunk as ImageMagick writes what PNG had no place for."""
    digits = data.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return b"tEXt", f"Raw profile type {name}\0\n{name}\n{len(data):8}\n{lines}\n".encode()


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP with chunks behind its picture that nothing announces."""
    data = saved("WEBP")
    body = data[12:] + b"".join(
        name + struct.pack("<L", len(body)) + body + bytes(len(body) % 2) for name, body in chunks
    )
    return b"RIFF" + struct.pack("<L", 4 + len(body)) + b"WEBP" + body


def heic_items(items: list[tuple[bytes, bytes]], lengths: int | None = None) -> bytes:
    """The boxes of a HEIC without a picture: items of a type and with bytes.

    Args:
        lengths: of each item, whatever its bytes are.
    """

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">L4s", 8 + len(body), name) + body

    top = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    infe = [
        box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", 2 + i, 0, kind) + b"\0") for i, (kind, _) in enumerate(items)
    ]
    iinf = box(b"iinf", bytes(4) + struct.pack(">H", len(items)) + b"".join(infe))
    size = len(box(b"iloc", bytes(8) + bytes(14) * len(items)))
    at = len(top) + 12 + len(iinf) + size + 8
    iloc = b""
    for i, (_, body) in enumerate(items):
        iloc += struct.pack(">HHHLL", 2 + i, 0, 1, at, lengths or len(body))
        at += 0 if lengths else len(body)
    meta = box(b"meta", bytes(4) + iinf + box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", len(items)) + iloc))
    return top + meta + box(b"mdat", b"".join(body for _, body in items))


def xmp(inside: str, around: str = "", of_root: str = "") -> bytes:
    """A packet with properties, and with something beside them."""
    names = "".join(
        f' xmlns:{prefix}="{uri}"'
        for prefix, uri in {
            "dc": "http://purl.org/dc/elements/1.1/",
            "exif": "http://ns.adobe.com/exif/1.0/",
            "tiff": "http://ns.adobe.com/tiff/1.0/",
            "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
            "georss": "http://www.georss.org/georss",
            "dji": "http://www.dji.com/drone-dji/1.0/",
            "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
            "note": "http://ns.adobe.com/xmp/note/",
        }.items()
    )
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="{rdf}"{names} {of_root}><rdf:RDF>'
        f'<rdf:Description rdf:about="">{inside}</rdf:Description></rdf:RDF>{around}</x:xmpmeta>'
    ).encode()


def made(content: bytes, form: str, notes: Notes) -> bytes:
    """A photo's result."""
    photo = open_photo(content, max_pixels=100_000)
    luma = photo.luma()
    return results.write(
        Planes(luma, flat_chroma(120, 140), shrink(luma, (32, 32))), form, 90, photo.metadata(notes), map
    )


def metadata(content: bytes, *, place: bool = True) -> Metadata:
    """What a photo's result keeps."""
    return open_photo(content, max_pixels=100_000).metadata(Notes("x", place=place))
