"""The scene that the pictures show, and pieces of files to build them from."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageCms

MAX_PIXELS = 4_000_000

Bytes = Callable[[], bytes]
Point = tuple[int, int]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """A file and what it must give.

    Attributes:
        name: what a user would lose if it went wrong.
        make: the bytes.
        size: upright width and height, or None where the file must be refused.
        colours: expected sRGB at points (x, y) of the upright picture, within `tolerance`.
        gray: whether the stored upload has one channel.
        error: words of the sentence that refuses it.
    """

    name: str
    make: Bytes
    size: tuple[int, int] | None = None
    colours: dict[Point, Colour] = field(default_factory=dict)
    tolerance: int = 4
    gray: bool = False
    error: str = ""


# --- The scene: four fields that tell up from down and left from right -----------------------------------------------

SIZE = (48, 32)
CORNERS = [(12, 8), (36, 8), (12, 24), (36, 24)]
COLOURS = [(180, 60, 50), (70, 150, 60), (60, 80, 190), (230, 210, 90)]
GRAYS = [40, 100, 160, 220]


def scene(colours: list = COLOURS, mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Four fields: top left, top right, bottom left, bottom right."""
    image = Image.new(mode, size)
    half = size[0] // 2, size[1] // 2
    for i, colour in enumerate(colours):
        left, top = i % 2 * half[0], i // 2 * half[1]
        image.paste(colour, (left, top, left + half[0], top + half[1]))
    return image


def gray_scene() -> Image.Image:
    return scene(GRAYS, "L")


def luma(colour: Colour) -> float:
    """Y of BT.601."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def shows(colours: list = COLOURS) -> dict[Point, Colour]:
    return {point: (c, c, c) if isinstance(c, int) else c for point, c in zip(CORNERS, colours, strict=False)}


def save(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}) | options)
    return buffer.getvalue()


# --- Pieces of files --------------------------------------------------------------------------------------------------


def exif(orientation: int) -> bytes:
    """An EXIF block with this orientation, a camera's name and a place."""
    block = Image.Exif()
    block[0x0112], block[0x010F] = orientation, "SECRETMAKER"
    block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


def lying(orientation: int) -> Image.Image:
    """The scene as a camera stores it when it says so in EXIF."""
    turn = Image.Transpose
    turns = [None, turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM]
    turns += [turn.TRANSPOSE, turn.ROTATE_90, turn.TRANSVERSE, turn.ROTATE_270]
    how = turns[orientation - 1]
    return scene() if how is None else scene().transpose(how)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def without_segment(jpeg: bytes, marker: int) -> bytes:
    at = jpeg.index(bytes([0xFF, marker]))
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(size: tuple[int, int], depth: int, colour: int, rows: bytes, *extra: bytes, after: bytes = b"") -> bytes:
    """A PNG from its unfiltered rows; `extra` chunks go before the pixels, `after` behind them."""
    width, height = size
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    stride = len(rows) // max(1, height)
    body = b"".join(b"\0" + rows[i * stride : (i + 1) * stride] for i in range(height) if rows)
    pixels = chunk(b"IDAT", zlib.compress(body))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + pixels + after + chunk(b"IEND", b"")


def png16(colours: list, colour_type: int, *extra: bytes) -> bytes:
    """The scene with 16 bits a sample; the low byte is noise that must not matter."""
    rows = np.asarray(scene(colours, {0: "L", 2: "RGB", 6: "RGBA"}[colour_type])).astype(int) * 256 + 77
    return png(SIZE, 16, colour_type, rows.astype(">u2").tobytes(), *extra)


TIFF_TYPES = {3: "H", 4: "L", 7: "s", 12: "d"}


def tiff(pixels: bytes, tags: dict[int, tuple[int, list[int]]], size=SIZE, order: str = "<") -> bytes:
    """An uncompressed TIFF of one strip, little or big endian; `tags` as tag: (type, values) go over the defaults."""
    base = {256: (4, [size[0]]), 257: (4, [size[1]]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    base |= {273: (4, [8]), 277: (3, [1]), 278: (4, [size[1]]), 279: (4, [len(pixels)])}
    entries = sorted((base | tags).items())
    at = 8 + len(pixels)
    body, loose = struct.pack(order + "H", len(entries)), b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, (form, values) in entries:
        raw = struct.pack(f"{order}{len(values)}{TIFF_TYPES[form]}", *values)
        if len(raw) > 4:
            loose, raw = loose + raw, struct.pack(order + "L", end + len(loose))
        body += struct.pack(order + "HHL", tag, form, len(values)) + raw.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", at)
    return start + pixels + body + bytes(4) + loose


def gif(width: int, height: int, disposal: int = 0, frame: tuple[int, int] | None = None) -> bytes:
    """The header of a GIF, and a frame without data."""
    start = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    control = b"!\xf9\x04" + bytes([disposal << 2, 0, 0, 0, 0])
    return start + control + b"," + struct.pack("<4HB", 0, 0, *(frame or (width, height)), 0) + b"\x02\0;"


def bmp(size: tuple[int, int], bits: int, compression: int, pixels: bytes, palette: bytes = b"") -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(pixels), 0, 0, len(palette) // 4, 0)
    offset = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + head + palette + pixels


# --- Profiles (ICC.1:2001-04) -----------------------------------------------------------------------------------------


def icc(space: bytes, pcs: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 profile of these tags."""
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    tags = {b"desc": b"desc" + struct.pack(">II", 0, 2) + b"t\0" + bytes(78), b"cprt": b"text\0\0\0\0x\0"} | tags
    tags[b"wtpt"] = b"XYZ " + bytes(4) + white
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s",
        128 + len(table) + len(body),
        bytes(4),
        0x02400000,
        kind,
        space,
        pcs,
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0),
        b"acsp",
    )
    return (head + bytes(28) + white).ljust(128, b"\0") + table + body


def curve(power: float) -> bytes:
    return b"curv" + struct.pack(">II", 0, 1) + struct.pack(">H", round(power * 256))


def srgb_curve() -> bytes:
    x = np.arange(1024) / 1023
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return b"curv" + struct.pack(">II", 0, 1024) + (y * 65535).round().astype(">u2").tobytes()


PRIMARIES = {  # of sRGB, adapted to D50
    b"r": (0.4361, 0.2225, 0.0139),
    b"g": (0.3851, 0.7169, 0.0971),
    b"b": (0.1431, 0.0606, 0.7141),
}


def rgb_profile(channels: bytes = b"rgb", tone: bytes = b"", **more: bytes) -> bytes:
    """sRGB with its primaries in another order or with another tone curve, and with more tags."""
    tags = {name.encode(): value for name, value in more.items()}
    for channel, primary in zip(b"rgb", channels, strict=True):
        xyz = [round(v * 65536) for v in PRIMARIES[bytes([primary])]]
        tags[bytes([channel]) + b"XYZ"] = b"XYZ " + bytes(4) + struct.pack(">3i", *xyz)
        tags[bytes([channel]) + b"TRC"] = tone or srgb_curve()
    return icc(b"RGB ", b"XYZ ", b"mntr", tags)


def gray_profile(power: float) -> bytes:
    return icc(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": curve(power)})


def cmyk_profile() -> bytes:
    """Inks without hue: lightness 100 less 100 for full black, 50 for magenta, 20 for the others; not what Pillow's
    own formula gives."""
    nodes = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    lightness = [max(0, 100 - 20 * c - 50 * m - 20 * y - 100 * k) for c, m, y, k in nodes]
    grid = b"".join(bytes([round(v * 2.55), 128, 128]) for v in lightness)
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    return icc(
        b"CMYK",
        b"Lab ",
        b"prtr",
        {b"A2B0": b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3},
    )


def encoded(linear: float) -> int:
    """sRGB level of a linear intensity."""
    return round(255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
