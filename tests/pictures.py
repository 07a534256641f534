"""The files that clients send, good and bad, each with what it must give. Made in code; no file is stored.

`PICTURES` is the table. A good picture shows `SCENE` (or the size says otherwise) and names the levels at some points;
a bad one names words of the sentence that its sender gets, with a limit of `MAX_PIXELS`.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageCms

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
    return {point: (c, c, c) if isinstance(c, int) else c for point, c in zip(CORNERS, colours)}


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
    head = struct.pack(">I4sI4s4s4s12s4s", 128 + len(table) + len(body), bytes(4), 0x02400000, kind, space, pcs,
                       struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp")
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


def rgb_profile(channels: bytes = b"rgb", tone: bytes = b"") -> bytes:
    """sRGB with its primaries in another order or with another tone curve."""
    tags = {}
    for channel, primary in zip(b"rgb", channels):
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
    return icc(b"CMYK", b"Lab ", b"prtr",
               {b"A2B0": b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3})


def encoded(linear: float) -> int:
    """sRGB level of a linear intensity."""
    return round(255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# --- JPEG -------------------------------------------------------------------------------------------------------------


def plain_jpeg() -> bytes:
    return save(scene(), "JPEG")


INKS = [(0, 0, 0, 128), (255, 0, 0, 0), (0, 128, 255, 0), (0, 0, 0, 0)]
NAIVE_INKS = [(127, 127, 127), (0, 255, 255), (255, 127, 0), (255, 255, 255)]


def cmyk_jpeg(**options) -> bytes:
    return save(scene(INKS, "CMYK"), "JPEG", **options)


def cmyk_jpeg_without_marker() -> bytes:
    """Pillow writes Adobe's inverted inks: give it the negative, and take its marker away."""
    return without_segment(save(ImageChops.invert(scene(INKS, "CMYK")), "JPEG"), 0xEE)


def ycck_jpeg() -> bytes:
    c, m, y, k = scene(INKS, "CMYK").split()
    planes = [ImageChops.invert(plane) for plane in Image.merge("RGB", (c, m, y)).convert("YCbCr").split()]
    jpeg = save(Image.merge("CMYK", (*planes, k)), "JPEG")
    at = jpeg.index(b"Adobe")
    return jpeg[: at + 11] + b"\x02" + jpeg[at + 12 :]


def mpo(broken: bool = False) -> bytes:
    data = save(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)])
    return data.replace(b"0100", b"\xff\xff\xff\xff") if broken else data


def motion_photo() -> bytes:
    return plain_jpeg() + b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08" * 5000


def jpeg_header(width: int, height: int, bits: int = 8) -> bytes:
    jpeg = plain_jpeg()
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 4] + struct.pack(">BHH", bits, height, width) + jpeg[at + 9 :]


def many_scans(number: int) -> bytes:
    """The last scan of a progressive JPEG again and again, each of which a decoder has to go through."""
    jpeg = save(scene(), "JPEG", progressive=True)
    at = jpeg.rindex(b"\xff\xda")
    return jpeg[:at] + jpeg[at:-2] * number + jpeg[-2:]


def bad_huffman_table() -> bytes:
    jpeg = plain_jpeg()
    at = jpeg.index(b"\xff\xc4")
    return jpeg[: at + 5] + b"\xff" * 16 + jpeg[at + 21 :]


JPEGS = [
    Picture("a photo from a camera", plain_jpeg, SIZE, shows()),
    Picture("a photo saved for the web", lambda: save(scene(), "JPEG", progressive=True), SIZE, shows()),
    Picture("a photo with few colour samples", lambda: save(scene(), "JPEG", subsampling=2), SIZE, shows()),
    Picture("a gray photo", lambda: save(gray_scene(), "JPEG"), SIZE, shows(GRAYS), gray=True),
    Picture("a JPEG of red, green and blue", lambda: save(scene(), "JPEG", keep_rgb=True), SIZE, shows()),
    Picture("a magazine page of Adobe's inks", cmyk_jpeg, SIZE, shows(NAIVE_INKS)),
    Picture("a magazine page of plain inks", cmyk_jpeg_without_marker, SIZE, shows(NAIVE_INKS)),
    Picture("a magazine page as luma and inks", ycck_jpeg, SIZE, shows(NAIVE_INKS)),
    Picture("the first of a camera's two pictures", mpo, SIZE, shows()),
    Picture("two pictures with a broken index", lambda: mpo(broken=True), SIZE, shows()),
    Picture("a phone's photo with a film behind it", motion_photo, SIZE, shows()),
    Picture("a JPEG with a few more scans", lambda: many_scans(20), SIZE, shows()),
    Picture("a JPEG whose end is missing", lambda: plain_jpeg()[:-40], error="JPEG is cut off"),
    Picture("a JPEG cut within its header", lambda: plain_jpeg()[:100], error="JPEG is cut off"),
    Picture("a JPEG with a header only", lambda: b"\xff\xd8\xff\xd9" * 2, error="JPEG"),
    Picture("a JPEG with broken tables", bad_huffman_table, error="JPEG is damaged"),
    Picture("a JPEG without height", lambda: jpeg_header(48, 0), error="no pixels"),
    Picture("a JPEG of 12 bits", lambda: jpeg_header(48, 32, bits=12), error="kind of JPEG is not supported"),
    Picture("a JPEG of 4 thousand million pixels", lambda: jpeg_header(65000, 65000), error="4,225,000,000"),
    Picture("a JPEG of scans without end", lambda: many_scans(500), error="more than 100 scans"),
    Picture(
        "a JPEG of EXIF without end",
        lambda: with_segments(plain_jpeg(), *[segment(0xE1, exif(1))] * 500),
        error="too many pieces",
    ),
    Picture(
        "a JPEG of padding without end",
        lambda: with_segments(plain_jpeg(), b"\xff" * 500_000),
        error="too many pieces",
    ),
]

# --- EXIF -------------------------------------------------------------------------------------------------------------


def late_exif() -> bytes:
    data = save(lying(6), "PNG")
    at = data.rindex(b"IEND") - 4
    return data[:at] + chunk(b"eXIf", exif(6)[6:]) + data[at:]


def turned_tiff(orientation: int, **tags) -> bytes:
    image = lying(orientation)
    broken = {34665: (4, [7])} if tags.get("broken") else {}
    return tiff(
        image.tobytes(),
        {258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3]), 274: (3, [orientation])} | broken,
        size=image.size,
    )


def only_xmp_is_turned() -> bytes:
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    return with_segments(plain_jpeg(), segment(0xE1, xmp))


TURNED = [
    Picture(f"a phone's photo held in way {n}", lambda n=n: save(lying(n), "JPEG", exif=exif(n)), SIZE, shows())
    for n in range(1, 9)
]
TURNED += [
    Picture("a turned PNG", lambda: save(lying(6), "PNG", exif=exif(6)), SIZE, shows()),
    Picture("a turned PNG that says so at its end", late_exif, SIZE, shows()),
    Picture("a turned WebP", lambda: save(lying(8), "WEBP", lossless=True, exif=exif(8)), SIZE, shows()),
    Picture("a turned AVIF", lambda: save(lying(6), "AVIF", exif=exif(6), quality=95), SIZE, shows(), tolerance=12),
    Picture("a turned TIFF", lambda: turned_tiff(6), SIZE, shows()),
    Picture("a mirrored TIFF", lambda: turned_tiff(7), SIZE, shows()),
    Picture("a TIFF with broken EXIF data", lambda: turned_tiff(8, broken=True), SIZE, shows()),
    Picture("a photo with an unknown orientation", lambda: save(scene(), "JPEG", exif=exif(9)), SIZE, shows()),
    Picture("a photo that only XMP says is turned", only_xmp_is_turned, SIZE, shows()),
    Picture(
        "a photo with broken EXIF data",
        lambda: with_segments(plain_jpeg(), segment(0xE1, b"Exif\0\0" + b"MM\0*\xff\xff\xff\xff" + bytes(40))),
        SIZE,
        shows(),
    ),
    Picture(
        "a PNG with broken EXIF data",
        lambda: png(SIZE, 8, 2, scene().tobytes(), chunk(b"eXIf", b"nonsense")),
        SIZE,
        shows(),
    ),
    Picture("a WebP with broken EXIF data", lambda: save(scene(), "WEBP", lossless=True, exif=b"?"), SIZE, shows()),
]

# --- PNG --------------------------------------------------------------------------------------------------------------

WHITE = (255, 255, 255)


def palette_png(**options) -> bytes:
    image = Image.new("P", SIZE)
    image.putpalette([level for colour in COLOURS for level in colour])
    image.paste(scene([0, 1, 2, 3], "L"))
    return save(image, "PNG", **options)


def cutout(alpha: int = 0) -> Image.Image:
    """The scene whose top left is transparent."""
    image = scene().convert("RGBA")
    image.paste((*COLOURS[0], alpha), (0, 0, 24, 16))
    return image


def over_white(alpha: int = 0) -> dict[Point, Colour]:
    return shows([tuple(round(255 + (v - 255) * alpha / 255) for v in COLOURS[0]), *COLOURS[1:]])


def packed_png(depth: int, levels: list[int], *extra: bytes) -> bytes:
    """A gray PNG of 1, 2 or 4 bits."""
    samples = np.asarray(scene(levels, "L"))
    bits = np.unpackbits(samples[..., None], axis=2)[..., 8 - depth :]
    return png(SIZE, depth, 0, np.packbits(bits.reshape(SIZE[1], -1), axis=1).tobytes(), *extra)


def text_bomb(name: bytes, start: bytes) -> bytes:
    return png(SIZE, 8, 2, scene().tobytes(), chunk(name, start + zlib.compress(bytes(50_000_000), 9)))


def linear_png(profile: bytes) -> bytes:
    return save(gray_scene(), "PNG", icc_profile=profile)


PNGS = [
    Picture("a PNG", lambda: save(scene(), "PNG"), SIZE, shows()),
    Picture("a gray PNG", lambda: save(gray_scene(), "PNG"), SIZE, shows(GRAYS), gray=True),
    Picture("a black and white drawing", lambda: packed_png(1, [0, 1, 1, 0]), SIZE, shows([0, 255, 255, 0]), gray=True),
    Picture("a drawing of four grays", lambda: packed_png(2, [0, 1, 2, 3]), SIZE, shows([0, 85, 170, 255]), gray=True),
    Picture(
        "a drawing of four grays, one transparent",
        lambda: packed_png(2, [0, 1, 2, 3], chunk(b"tRNS", b"\0\1")),
        SIZE,
        shows([0, 255, 170, 255]),
        gray=True,
    ),
    Picture(
        "a stencil with transparent black",
        lambda: packed_png(1, [0, 1, 1, 0], chunk(b"tRNS", b"\0\0")),
        SIZE,
        shows([255, 255, 255, 255]),
        gray=True,
    ),
    Picture("a PNG with a palette", palette_png, SIZE, shows()),
    Picture("a palette with one transparent colour", lambda: palette_png(transparency=0), SIZE, over_white()),
    Picture("a palette with soft edges", lambda: palette_png(transparency=b"\x80\xff"), SIZE, over_white(128)),
    Picture(
        "a PNG with a transparent colour",
        lambda: save(scene(), "PNG", transparency=COLOURS[0]),
        SIZE,
        over_white(),
    ),
    Picture("a logo with a transparent ground", lambda: save(cutout(), "PNG"), SIZE, over_white()),
    Picture("a logo with a soft shadow", lambda: save(cutout(100), "PNG"), SIZE, over_white(100)),
    Picture(
        "a gray logo with a transparent ground",
        lambda: save(scene([(40, 0), (100, 255), (160, 255), (220, 128)], "LA"), "PNG"),
        SIZE,
        shows([255, 100, 160, 237]),
        gray=True,
    ),
    Picture("a scan of 16 bits", lambda: png16(GRAYS, 0), SIZE, shows(GRAYS), gray=True),
    Picture(
        "a scan of 16 bits with a transparent level",
        lambda: png16(GRAYS, 0, chunk(b"tRNS", struct.pack(">H", 100 * 256 + 77))),
        SIZE,
        shows([40, 255, 160, 220]),
        gray=True,
    ),
    Picture("a colour scan of 16 bits", lambda: png16(COLOURS, 2), SIZE, shows()),
    Picture(
        "a colour scan of 16 bits with a transparent colour",
        lambda: png16(COLOURS, 2, chunk(b"tRNS", struct.pack(">3H", *(v * 256 + 77 for v in COLOURS[0])))),
        SIZE,
        over_white(),
    ),
    Picture(
        "a cutout of 16 bits",
        lambda: png16([(*COLOURS[0], 0), *((*colour, 255) for colour in COLOURS[1:])], 6),
        SIZE,
        over_white(),
    ),
    Picture(
        "the first frame of a moving PNG",
        lambda: save(scene(), "PNG", save_all=True, append_images=[Image.new("RGB", SIZE)]),
        SIZE,
        shows(),
    ),
    Picture("a PNG whose end is missing", lambda: save(scene(size=(300, 200)), "PNG")[:-120], error="PNG is cut off"),
    Picture("a PNG cut within its header", lambda: save(scene(), "PNG")[:20], error="PNG is cut off"),
    Picture(
        "a PNG with a wrong checksum",
        lambda: save(scene(), "PNG").replace(b"IHDR", b"IHDR\0", 1)[:-1],
        error="PNG is damaged",
    ),
    Picture("a PNG with damaged pixels", lambda: png(SIZE, 8, 2, b"").replace(b"IDATx", b"IDATy"), error="PNG"),
    Picture("a PNG without width", lambda: png((0, 32), 8, 2, b""), error="no pixels"),
    Picture("a PNG of an unknown depth", lambda: png(SIZE, 3, 2, scene().tobytes()), error="PNG has no pixels, or"),
    Picture("a PNG of ten thousand million pixels", lambda: png((100_000,) * 2, 8, 2, b"x"), error="10,000,000,000"),
    Picture("a PNG with a text bomb", lambda: text_bomb(b"zTXt", b"k\0\0"), error="too large"),
    Picture("a PNG with a bomb in another language", lambda: text_bomb(b"iTXt", b"k\0\1\0\0\0"), error="too large"),
    Picture("a PNG with a profile bomb", lambda: text_bomb(b"iCCP", b"k\0\0"), error="too large"),
    Picture(
        "a PNG of empty chunks without end",
        lambda: png(SIZE, 8, 2, scene().tobytes(), chunk(b"teSt", b"") * 70_000),
        error="more than 65,536 chunks",
    ),
]

# --- TIFF -------------------------------------------------------------------------------------------------------------


def gray_tiff(kind: str, scale: float, tags: dict, order: str = "<", offset: float = 0) -> bytes:
    samples = np.asarray(gray_scene()).astype(float) * scale + offset
    return tiff(samples.astype(order + kind).tobytes(), tags, order=order)


def float_tiff() -> bytes:
    samples = np.asarray(gray_scene()).astype("<f4") / 255
    samples[:4, :4], samples[-4:, -4:], samples[:4, -4:] = np.nan, np.inf, -np.inf
    return tiff(samples.tobytes(), {258: (3, [32]), 339: (3, [3])})


def twelve_bits() -> bytes:
    samples = (np.asarray(gray_scene()).astype(int) * 4095 // 255).reshape(-1, 2)
    first, second = samples[:, 0], samples[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    return tiff(packed.astype(np.uint8).tobytes(), {258: (3, [12])})


def tiled_tiff(side: int = 16) -> bytes:
    pixels = gray_scene()
    tiles = [pixels.crop((x, y, x + 16, y + 16)).tobytes() for y in (0, 16) for x in (0, 16, 32)]
    tags = {322: (3, [side]), 323: (3, [side]), 324: (4, [8 + 256 * i for i in range(6)]), 325: (4, [256] * 6)}
    data = tiff(b"".join(tiles), tags)
    return data.replace(struct.pack("<HH", 273, 4), struct.pack("<HH", 65001, 4))  # not in strips


RGB_TAGS = {258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3])}

TIFFS = [
    Picture("a TIFF", lambda: save(scene(), "TIFF"), SIZE, shows()),
    Picture("a gray TIFF of a scanner", lambda: save(gray_scene(), "TIFF"), SIZE, shows(GRAYS), gray=True),
    Picture("a compressed TIFF", lambda: save(scene(), "TIFF", compression="tiff_lzw"), SIZE, shows()),
    Picture("a TIFF with a JPEG in it", lambda: save(scene(), "TIFF", compression="jpeg", quality=95), SIZE, shows()),
    Picture(
        "a fax",
        lambda: save(scene([0, 1, 1, 0], "1"), "TIFF", compression="group4"),
        SIZE,
        shows([0, 255, 255, 0]),
        gray=True,
    ),
    Picture("a tiled TIFF", tiled_tiff, SIZE, shows(GRAYS), gray=True),
    Picture("a TIFF of 16 bits", lambda: gray_tiff("u2", 257, {258: (3, [16])}), SIZE, shows(GRAYS), gray=True),
    Picture(
        "a TIFF of 16 bits from a big-endian computer",
        lambda: gray_tiff("u2", 257, {258: (3, [16])}, order=">"),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a negative of 16 bits that says that white is zero",
        lambda: gray_tiff("u2", 257, {258: (3, [16]), 262: (3, [0])}),
        SIZE,
        shows([255 - level for level in GRAYS]),
        gray=True,
    ),
    Picture("a TIFF of 12 bits", twelve_bits, SIZE, shows(GRAYS), gray=True),
    Picture(
        "a TIFF of signed 16 bits",
        lambda: gray_tiff("i2", 200, {258: (3, [16]), 339: (3, [2])}, offset=-20_000),
        SIZE,
        shows([0, 85, 170, 255]),
        gray=True,
    ),
    Picture(
        "a TIFF of 32 bits",
        lambda: gray_tiff("i4", 257, {258: (3, [32]), 339: (3, [2])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a TIFF of 32 bits that holds 8",
        lambda: gray_tiff("i4", 1, {258: (3, [32]), 339: (3, [2])}),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture(
        "a TIFF of large numbers",
        lambda: gray_tiff("i4", 1_000_000, {258: (3, [32]), 339: (3, [2])}),
        SIZE,
        shows([0, 85, 170, 255]),
        gray=True,
    ),
    Picture(
        "a TIFF of no numbers at all",
        lambda: tiff(np.full(SIZE, np.nan, "<f4").tobytes(), {258: (3, [32]), 339: (3, [3])}),
        SIZE,
        shows([0] * 4),
        gray=True,
    ),
    Picture("a TIFF of fractions, some of them no numbers", float_tiff, SIZE, shows(GRAYS), gray=True),
    Picture(
        "a TIFF of measurements",
        lambda: gray_tiff("f4", 1000, {258: (3, [32]), 339: (3, [3])}, offset=-40_000),
        SIZE,
        shows([0, 85, 170, 255]),
        gray=True,
    ),
    Picture("a TIFF of the print shop", lambda: save(scene(INKS, "CMYK"), "TIFF"), SIZE, shows(NAIVE_INKS)),
    Picture(
        "a TIFF in Lab",
        lambda: save(scene().convert("LAB"), "TIFF"),
        SIZE,
        shows(),
        tolerance=6,
    ),
    Picture("a TIFF in luma and chroma", lambda: save(scene().convert("YCbCr"), "TIFF"), SIZE, shows()),
    Picture("a TIFF with a palette", lambda: save(scene().quantize(4), "TIFF"), SIZE, shows()),
    Picture("a TIFF with a transparent ground", lambda: save(cutout(), "TIFF"), SIZE, over_white()),
    Picture(
        "a TIFF with colours multiplied by alpha",
        lambda: tiff(
            scene([(0, 0, 0, 0), *((*colour, 255) for colour in COLOURS[1:])], "RGBA").tobytes(),
            RGB_TAGS | {258: (3, [8] * 4), 277: (3, [4]), 338: (3, [1])},
        ),
        SIZE,
        over_white(),
    ),
    Picture(
        "the first page of a TIFF",
        lambda: save(scene(), "TIFF", save_all=True, append_images=[Image.new("RGB", (20, 20))]),
        SIZE,
        shows(),
    ),
    Picture("a TIFF whose end is missing", lambda: save(scene(), "TIFF")[:-900], error="TIFF is cut off"),
    Picture("a TIFF without a directory", lambda: b"II*\0" + struct.pack("<L", 5000), error="TIFF is cut off"),
    Picture(
        "a TIFF of three floats a pixel",
        lambda: tiff(bytes(48 * 32 * 12), RGB_TAGS | {258: (3, [32] * 3), 339: (3, [3] * 3)}),
        error="kind of TIFF is not supported",
    ),
    Picture(
        "a TIFF of 16 million million pixels",
        lambda: tiff(b"x", {256: (4, [4_000_000]), 257: (4, [4_000_000])}),
        error="16,000,000,000,000",
    ),
    Picture(
        "a TIFF of a million strips",
        lambda: tiff(b"x", {273: (3, [8] * 1_000_000)}),
        error="1,000,000 values",
    ),
    Picture("a TIFF of tiles as large as a city", lambda: tiled_tiff(65_000), error="much larger than the picture"),
    Picture(
        "the preview in a camera raw file",
        lambda: tiff(gray_scene().tobytes(), {254: (4, [1]), 330: (4, [8])}),
        error="camera raw",
    ),
]

# --- The others -------------------------------------------------------------------------------------------------------


def animated(form: str, **options) -> bytes:
    return save(scene(), form, save_all=True, append_images=[Image.new("RGB", SIZE)], **options)


def transparent_gif() -> bytes:
    image = Image.new("P", SIZE)
    image.putpalette([level for colour in COLOURS for level in colour])
    image.paste(scene([0, 1, 2, 3], "L"))
    return save(image, "GIF", transparency=0)


def run_length_bmp() -> bytes:
    row = [bytes([24, a, 24, b, 0, 0]) for a, b in ((2, 3), (0, 1))]
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in COLOURS)
    return bmp(SIZE, 8, 1, row[0] * 16 + row[1] * 16 + b"\0\1", palette)


def huge_webp() -> bytes:
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 0) + b"\xff\x3f\0\xff\x3f\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def huge_avif() -> bytes:
    data = save(scene(), "AVIF")
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 16_000, 16_000) + data[at + 8 :]


def avif(image: Image.Image) -> bytes:
    return save(image, "AVIF", quality=95, subsampling="4:4:4")


def ppm(head: str, samples: np.ndarray) -> bytes:
    return head.encode() + samples.tobytes()


def words() -> bytes:
    return f"P2 # by hand\n48 32 255\n{' '.join(map(str, gray_scene().tobytes()))}".encode()


def ten_bits() -> bytes:
    return ppm("P5 48 32 1023\n", (np.asarray(gray_scene()).astype(int) * 1023 // 255).astype(">u2"))


OTHERS = [
    Picture("a WebP", lambda: save(scene(), "WEBP", quality=95), SIZE, shows(), tolerance=12),
    Picture("a WebP with a transparent ground", lambda: save(cutout(), "WEBP", lossless=True), SIZE, over_white()),
    Picture("the first frame of a moving WebP", lambda: animated("WEBP", lossless=True), SIZE, shows()),
    Picture("a WebP whose end is missing", lambda: save(scene(), "WEBP")[:-20], error="WebP is cut off"),
    Picture(
        "a WebP with damaged pixels",
        lambda: save(scene(), "WEBP").replace(b"\x9d\x01\x2a", b"\0\0\0"),
        error="WebP is damaged",
    ),
    Picture("a WebP of 268 million pixels", huge_webp, error="268,435,456"),
    Picture("an AVIF", lambda: avif(scene()), SIZE, shows(), tolerance=12),
    Picture("an AVIF with a transparent ground", lambda: avif(cutout()), SIZE, over_white(), tolerance=12),
    Picture("an AVIF whose end is missing", lambda: avif(scene())[:-60], error="AVIF is"),
    Picture("an AVIF of 256 million pixels", huge_avif, error="256,000,000"),
    Picture("a GIF", lambda: save(scene().quantize(4), "GIF"), SIZE, shows()),
    Picture("a GIF with a transparent ground", transparent_gif, SIZE, over_white()),
    Picture("the first frame of a moving GIF", lambda: animated("GIF"), SIZE, shows()),
    Picture("a GIF whose end is missing", lambda: save(scene().quantize(4), "GIF")[:-30], error="GIF is cut off"),
    Picture("a GIF without a picture", lambda: gif(9, 9)[:19] + b";", error="no picture"),
    Picture("a GIF of 4 thousand million pixels", lambda: gif(65535, 65535, disposal=2), error="4,294,836,225"),
    Picture(
        "a GIF whose frame is larger than its screen",
        lambda: gif(10, 10, disposal=2, frame=(65535, 65535)),
        error="4,294,836,225",
    ),
    Picture(
        "a GIF of comments without end",
        lambda: gif(9, 9)[:19] + b"!\xfe" + b"\1x" * 100_000 + b"\0;",
        error="GIF is damaged",
    ),
    Picture("a BMP", lambda: save(scene(), "BMP"), SIZE, shows()),
    Picture("a BMP with a palette", lambda: save(scene().quantize(4), "BMP"), SIZE, shows()),
    Picture("a compressed BMP", run_length_bmp, SIZE, shows()),
    Picture("a BMP whose end is missing", lambda: save(scene(), "BMP")[:-900], error="BMP is cut off"),
    Picture("a BMP with a PNG in it", lambda: bmp(SIZE, 24, 5, b""), error="kind of BMP is not supported"),
    Picture("a BMP of 10 thousand million pixels", lambda: bmp((100_000,) * 2, 24, 0, b""), error="10,000,000,000"),
    Picture("a PPM", lambda: save(scene(), "PPM"), SIZE, shows()),
    Picture("a PGM of 16 bits", lambda: save(Image.fromarray(np.asarray(gray_scene()).astype(np.uint16) * 257), "PPM"),
            SIZE, shows(GRAYS), gray=True),
    Picture("a PGM of 10 bits", ten_bits, SIZE, shows(GRAYS), gray=True),
    Picture("a PBM", lambda: save(scene([0, 1, 1, 0], "1"), "PPM"), SIZE, shows([0, 255, 255, 0]), gray=True),
    Picture("a PPM of words", words, SIZE, shows(GRAYS), gray=True),
    Picture("a PFM of fractions", lambda: ppm("Pf 48 32 -1.0\n", np.asarray(gray_scene())[::-1].astype("<f4") / 255),
            SIZE, shows(GRAYS), gray=True),
    Picture("a PPM whose end is missing", lambda: save(scene(), "PPM")[:-900], error="PPM is cut off"),
    Picture("a PPM of words without end", lambda: b"P3 1200 1000 9\n", error="slow to read"),
    Picture("a PPM without pixels", lambda: b"P6 0 9 255\n", error="no pixels"),
    Picture("a PPM of 10 thousand million pixels", lambda: b"P6 99999 99999 255\n", error="9,999,800,001"),
    Picture("a PPM with a remark without end", lambda: b"P6 #" + b"x" * 100_000, error="PPM is damaged"),
]

PROFILES = [
    Picture("a photo with an sRGB profile", lambda: save(scene(), "JPEG", icc_profile=srgb_profile()), SIZE, shows()),
    Picture(
        "a photo of a camera that calls blue red",
        lambda: save(scene(), "JPEG", icc_profile=rgb_profile(b"bgr")),
        SIZE,
        shows([colour[::-1] for colour in COLOURS]),
    ),
    Picture(
        "a cutout with a profile",
        lambda: save(cutout(), "PNG", icc_profile=rgb_profile(b"bgr")),
        SIZE,
        {point: colour[::-1] for point, colour in over_white().items()},
    ),
    Picture(
        "a palette with a profile",
        lambda: palette_png(icc_profile=rgb_profile(b"bgr")),
        SIZE,
        shows([colour[::-1] for colour in COLOURS]),
    ),
    Picture(
        "a gray scan with a linear profile",
        lambda: linear_png(gray_profile(1)),
        SIZE,
        shows([encoded(level / 255) for level in GRAYS]),
        gray=True,
    ),
    Picture(
        "a gray scan with a colour profile",
        lambda: linear_png(rgb_profile(tone=curve(1))),
        SIZE,
        shows([encoded(level / 255) for level in GRAYS]),
        gray=True,
    ),
    Picture(
        "a magazine page with the print shop's profile",
        lambda: cmyk_jpeg(icc_profile=cmyk_profile()),
        SIZE,
        shows([118, 198, 131, 255]),  # lightness 49.8, 80, 54.9 and 100
    ),
    Picture(
        "a photo with a broken profile",
        lambda: save(scene(), "JPEG", icc_profile=rgb_profile(b"bgr")[:300]),
        SIZE,
        shows(),
    ),
    Picture(
        "a photo with the profile of a printer",
        lambda: save(scene(), "JPEG", icc_profile=cmyk_profile()),
        SIZE,
        shows(),
    ),
    Picture("a photo with a profile of one byte", lambda: save(scene(), "JPEG", icc_profile=b"x"), SIZE, shows()),
]

SIZES = [
    Picture(f"a photo of {w}×{h}", lambda w=w, h=h: save(Image.new("L", (w, h), 99), "JPEG"), (w, h),
            {(0, 0): (99,) * 3, (w - 1, h - 1): (99,) * 3}, gray=True)
    for w, h in ((1, 1), (1, 300), (300, 1), (17, 33), (2, 2), (1200, 60), (60, 1200), (65500, 3))
]
SIZES += [
    Picture("a strip that no JPEG can hold", lambda: save(Image.new("L", (65501, 2)), "PNG"), error="at most 65500"),
    Picture("more pixels than are accepted", lambda: save(Image.new("1", (2001, 2000)), "PNG"), error="4,002,000"),
    Picture("just as many pixels as are accepted", lambda: save(Image.new("L", (2000, 2000), 99), "PNG"), (2000, 2000),
            {(1999, 1999): (99,) * 3}, gray=True),
]

NO_PICTURES = [
    Picture("an empty file", lambda: b"", error="file is empty"),
    Picture("a text", lambda: b"Dear sir or madam,\n" * 20, error="not an image"),
    Picture("a text that begins like a BMP", lambda: b"BMI is a measure of nothing at all.", error="not an image"),
    Picture("a web page", lambda: b"<!DOCTYPE html><title>Login</title>", error="not an image"),
    Picture("noise", lambda: np.random.default_rng(7).bytes(5000), error="not an image"),
    Picture("one byte", lambda: b"\xff", error="not an image"),
] + [
    Picture(f"a file of a kind that is not served: {word}", lambda start=start: start + bytes(100), error=word)
    for word, start in [
        ("PDF", b"%PDF-1.7\n"),
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0"),
        ("PSD", b"8BPS\0\1"),
        ("SVG", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">'),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("HEIC pictures", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("JPEG XL", b"\xff\x0a"),
        ("ICO", b"\0\0\1\0\1\0"),
        ("camera raw", b"II*\0\x10\0\0\0CR\2\0"),
        ("videos", b"\0\0\0\x18ftypmp42"),
        ("ZIP", b"PK\3\4"),
    ]
]

PICTURES = JPEGS + TURNED + PNGS + TIFFS + OTHERS + PROFILES + SIZES + NO_PICTURES
