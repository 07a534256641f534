"""What the bytes are, and whether they are cheap to read, before Pillow sees them.

Pillow's readers check a good deal, but some of them allocate a canvas while they open a file, or go through its parts
in Python, one by one, without a limit. The functions here walk over the same parts by their lengths alone and refuse
what no camera, scanner or editor writes.
"""

import re
import struct
from collections.abc import Callable, Iterator

#: libjpeg's own limit (JPEG_MAX_DIMENSION): a longer side cannot be written.
MAX_SIDE = 65_500
#: Scans of a JPEG. Encoders write up to about 15; each costs a pass over all pixels.
MAX_SCANS = 100
#: Segments of a JPEG's header, or entries of a TIFF directory.
MAX_ENTRIES = 4_096
#: Exif segments of a JPEG: one is the rule, and Pillow joins them in quadratic time.
MAX_EXIF_SEGMENTS = 16
#: Chunks of a PNG, blocks of a GIF, or strips or tiles of a TIFF.
MAX_PARTS = 65_536
#: Bytes that belong to nothing: padding and junk in a JPEG's header.
MAX_STRAY_BYTES = 65_536

KINDS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF", "PPM")
SEND = f"Send {', '.join(KINDS[:-1])} or {KINDS[-1]}."


class ImageError(ValueError):
    """The client's bytes are no picture that can be used; the text tells a person why."""


# Tried in this order. A name is one of KINDS, or the words for what is not supported.
_MAGIC = [
    (re.compile(magic, re.DOTALL), name)
    for name, magic in [
        ("HEIC pictures", rb"....ftyp(hei[cmsx]|hev[cx])|....ftypm[is]f1.{4,40}(heic|heix|hevc)"),
        ("camera raw pictures", rb"II\*\0....CR|FUJIFILMCCD-RAW|....ftypcrx|IIU\0|IIR[OS]"),
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("WebP", rb"RIFF....WEBP"),
        ("TIFF", rb"II[*+]\0|II\0\*|MM\0[*+]|MM\*\0"),
        ("GIF", rb"GIF8[79]a"),
        # A text may begin with these two letters: the header must have a known size too.
        ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        ("AVIF", rb"....ftyp(avi[fs]|m[is]f1)"),
        ("PPM", rb"P[1-6f]\s"),
        ("PDF documents", rb"\s*%PDF-"),
        ("EPS drawings", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("SVG drawings", rb"\s*(<\?xml.{0,400})?<svg"),
        ("Photoshop documents (PSD)", rb"8BPS"),
        ("JPEG 2000 pictures", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
        ("JPEG XL pictures", rb"\0\0\0\x0cJXL |\xff\x0a"),
        ("icons (ICO)", rb"\0\0[\x01\x02]\0[\x01-\x40]\0"),
        ("OpenEXR and Radiance pictures", rb"v/1\x01|#\?RADIANCE|#\?RGBE"),
        ("videos", rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI "),
        ("ZIP archives", rb"PK\x03\x04"),
    ]
]


def kind_of(data: bytes) -> str:
    """The format of `data` by its first bytes: one of `KINDS`.

    Raises:
        ImageError: if there are no bytes, the format is not supported (the text names it), or it is unknown.
    """
    if not data:
        raise ImageError("The file is empty.")
    for magic, name in _MAGIC:
        if magic.match(data[:512]):
            if name in KINDS:
                return name
            raise ImageError(f"Sorry, {name} are not supported. {SEND}")
    raise ImageError(f"The file is not an image. {SEND}")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise `ImageError` for a picture without pixels, with too many, or with too long a side."""
    if width < 1 or height < 1:
        raise ImageError(f"The picture has no pixels: it is {width}×{height}.")
    if width * height > max_pixels:
        raise ImageError(
            f"The picture has too many pixels: {width}×{height} = {width * height:,}; "
            f"at most {max_pixels:,} are accepted."
        )
    if max(width, height) > MAX_SIDE:
        raise ImageError(
            f"The picture is too long: {width}×{height}; at most {MAX_SIDE} pixels on a side are accepted."
        )


def check_structure(data: bytes, kind: str, max_pixels: int) -> None:
    """Raise `ImageError` where reading the header of `data` would cost time or memory."""
    check = _CHECKS.get(kind)
    try:
        size = check(data) if check else None
    except (IndexError, struct.error):
        raise ImageError(f"The {kind} is cut off: it ends within its header.") from None
    if size:
        check_size(*size, max_pixels)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and length of the body of each chunk of a PNG (PNG, third edition, 5.3)."""
    at = 8
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at + 8, length
        at += 12 + length
    raise ImageError(f"The PNG is damaged: it has more than {MAX_PARTS:,} chunks.")


def _check_png(data: bytes) -> None:
    for _ in png_chunks(data):
        pass


# A marker, but not the stuffing, padding and restart markers within entropy-coded data.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_EOI, _SOS, _EXIF, _SEQUENTIAL_FRAMES = 0xD9, 0xDA, 0xE1, (0xC0, 0xC1)


def _check_jpeg(data: bytes) -> None:
    """Count what comes before the first scan, and the scans if there can be several (ITU-T T.81, B.1)."""
    at, stray, segments, exif, scans, components = 2, 0, 0, 0, 0, 0
    while found := _MARKER.search(data, at):
        marker, body = data[found.end() - 1], found.end()
        if marker == _EOI:
            return
        stray += 0 if scans else found.start() - at
        at = body + max(2, int.from_bytes(data[body : body + 2], "big"))
        segments += not scans
        exif += marker == _EXIF and data.startswith(b"Exif\0\0", body + 2)
        scans += marker == _SOS
        if marker in _SEQUENTIAL_FRAMES:
            components = data[body + 7]
        if segments > MAX_ENTRIES or exif > MAX_EXIF_SEGMENTS or stray > MAX_STRAY_BYTES:
            raise ImageError("The JPEG is damaged: its header is made of too many pieces.")
        if scans > MAX_SCANS:
            raise ImageError(f"The JPEG has more than {MAX_SCANS} scans, which is not accepted.")
        # One scan of all components is the only one. Else count an upper bound, which is fast and nearly always enough.
        if scans == 1 and (data[body + 2] == components or data.count(b"\xff\xda") <= MAX_SCANS):
            return


def _check_gif(data: bytes) -> tuple[int, int]:
    """Width and height that screen and first frame need; Pillow may allocate that much while it opens the file."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    inside = False  # of an extension's blocks
    for _ in range(MAX_PARTS):
        if inside:
            inside, at = data[at] > 0, at + 1 + data[at]
        elif data[at] == 0x21:
            inside, at = True, at + 2
        elif data[at] == 0x2C:
            left, top, columns, rows = struct.unpack_from("<4H", data, at + 1)
            return max(width, left + columns), max(height, top + rows)
        elif data[at] == 0x3B:
            raise ImageError("The GIF has no picture in it.")
        else:
            at += 1
    raise ImageError("The GIF is damaged: its first picture is not found.")


def _check_tiff(data: bytes) -> None:
    """Check how many values the first directory has: Pillow makes a Python object for each."""
    order, big = "<" if data[:2] == b"II" else ">", data[2] == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    if entries > MAX_ENTRIES:
        raise ImageError(f"The TIFF is damaged: its directory has {entries:,} entries.")
    for i in range(entries):
        start = at + (8 + 20 * i if big else 2 + 12 * i)
        tag, form, count = struct.unpack_from(order + ("HHQ" if big else "HHL"), data, start)
        numbers = form not in (1, 2, 6, 7)  # bytes and text stay bytes
        if numbers and count > MAX_PARTS:
            raise ImageError(f"The TIFF is damaged: its tag {tag} has {count:,} values.")


def _check_webp(data: bytes) -> tuple[int, int] | None:
    """Width and height of the canvas (RFC 9649), which libwebp allocates when it opens the file."""
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise ImageError("The WebP is cut off: its end is missing.")
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if data[12:16] == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None


_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PPM_HEADER = re.compile(rb"P[1-6f]" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})\s")


def _check_ppm(data: bytes) -> tuple[int, int]:
    """Width and height, within a header of limited length: Pillow reads it byte by byte."""
    found = _PPM_HEADER.match(data[:4096])
    if not found:
        raise ImageError("The PPM is damaged: its header says no width and height.")
    return int(found[1]), int(found[2])


_CHECKS: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "JPEG": _check_jpeg,
    "PNG": _check_png,
    "GIF": _check_gif,
    "TIFF": _check_tiff,
    "WebP": _check_webp,
    "PPM": _check_ppm,
}
