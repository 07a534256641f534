"""The other formats, colour profiles, sizes, and what is no picture."""

import struct

import numpy as np
from PIL import Image

from tests.support.pictures.files import (
    COLOURS,
    GRAYS,
    SIZE,
    Picture,
    bmp,
    cmyk_profile,
    curve,
    encoded,
    gif,
    gray_profile,
    gray_scene,
    rgb_profile,
    save,
    scene,
    shows,
    srgb_profile,
)
from tests.support.pictures.jpegs import cmyk_jpeg
from tests.support.pictures.pngs import cutout, linear_png, over_white, palette_png


def animated(form: str, **options) -> bytes:
    return save(scene(), form, save_all=True, append_images=[Image.new("RGB", SIZE)], **options)


FRAME = (24, 16)  # where the first frame lies on a screen of twice the sides
ON_WHITE = {(x + FRAME[0], y + FRAME[1]): colour for (x, y), colour in shows().items()}
ON_WHITE |= dict.fromkeys([(3, 3), (48, 8), (90, 32), (3, 60), (92, 60)], (255, 255, 255))


def small_frame_gif(image: Image.Image | None = None, **options) -> bytes:
    data = bytearray(save(image or scene().quantize(4), "GIF", **options))
    data[6:10] = struct.pack("<HH", 2 * SIZE[0], 2 * SIZE[1])
    at = data.index(b",", 13 + (6 << (data[10] & 7)))
    data[at + 1 : at + 5] = struct.pack("<HH", *FRAME)
    return bytes(data)


def small_frame_webp() -> bytes:
    data = bytearray(animated("WEBP", lossless=True))
    for name, at, values in ((b"VP8X", 12, [2 * SIZE[0] - 1, 2 * SIZE[1] - 1]), (b"ANMF", 8, [v // 2 for v in FRAME])):
        here = data.index(name) + at
        data[here : here + 6] = b"".join(value.to_bytes(3, "little") for value in values)
    return bytes(data)


def dark_pgm(words: bool = False) -> bytes:
    """Of 16 bits, all of them less than 256."""
    if words:
        return b"P2 %d %d 65535\n" % SIZE + b"200 " * (SIZE[0] * SIZE[1])
    return b"P5 %d %d 65535\n" % SIZE + bytes([0, 200]) * (SIZE[0] * SIZE[1])


def transparent_gif() -> bytes:
    image = Image.new("P", SIZE)
    image.putpalette([level for colour in COLOURS for level in colour])
    image.paste(scene([0, 1, 2, 3], "L"))
    return save(image, "GIF", transparency=0)


def run_length_bmp() -> bytes:
    row = [bytes([24, a, 24, b, 0, 0]) for a, b in ((2, 3), (0, 1))]
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in COLOURS)
    return bmp(SIZE, 8, 1, row[0] * 16 + row[1] * 16 + b"\0\1", palette)


def bmp_without_its_last_padding(bits: int) -> bytes:
    """Rows of an odd length, each filled up to four bytes, but for the last in the file: the one at the top."""
    image = scene(size=(45, 31)) if bits == 24 else scene([0, 1, 1, 0], "L", size=(45, 31))
    samples = np.asarray(image)[::-1]
    rows = np.packbits(samples, axis=1) if bits == 1 else samples[:, :, ::-1] if bits == 24 else samples
    lines = [row.tobytes() for row in rows]
    padding = bytes(-len(lines[0]) % 4)
    palette = b"" if bits == 24 else bytes(4) + b"\xff\xff\xff\0"
    return bmp((45, 31), bits, 0, padding.join(lines), palette)


def webp_of(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_with_half_a_header() -> bytes:
    return webp_of((b"VP8X", bytes(4)), (b"VP8L", save(scene(), "WEBP", lossless=True)[20:]))


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
    Picture("a WebP with half a header before the picture", webp_with_half_a_header, SIZE, shows()),
    Picture("a WebP without a picture", lambda: webp_of((b"EXIF", b"MM")), error="no pixels: it is 0×0"),
    Picture("a WebP of 268 million pixels", huge_webp, error="268,435,456"),
    Picture("an AVIF", lambda: avif(scene()), SIZE, shows(), tolerance=12),
    Picture("an AVIF with a transparent ground", lambda: avif(cutout()), SIZE, over_white(), tolerance=12),
    Picture("an AVIF whose end is missing", lambda: avif(scene())[:-60], error="AVIF is"),
    Picture("an AVIF of 256 million pixels", huge_avif, error="256,000,000"),
    Picture("a GIF", lambda: save(scene().quantize(4), "GIF"), SIZE, shows()),
    Picture("a GIF with a transparent ground", transparent_gif, SIZE, over_white()),
    Picture("a GIF whose frame is smaller than its screen", small_frame_gif, (2 * SIZE[0], 2 * SIZE[1]), ON_WHITE),
    Picture(
        "a GIF whose frame is smaller than its screen, with a transparent colour",
        lambda: small_frame_gif(transparency=0),
        (2 * SIZE[0], 2 * SIZE[1]),
        {point: ON_WHITE[point] for point in [(3, 3), (92, 60)]},
    ),
    Picture(
        "a gray GIF whose frame is smaller than its screen",
        lambda: small_frame_gif(gray_scene()),
        (2 * SIZE[0], 2 * SIZE[1]),
        {(36, 24): (40, 40, 40), (60, 40): (220, 220, 220), (3, 3): (255, 255, 255)},
    ),
    Picture("a WebP whose frame is smaller than its canvas", small_frame_webp, (2 * SIZE[0], 2 * SIZE[1]), ON_WHITE),
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
        lambda: gif(9, 9)[:19] + b"!\xfe" + b"\1x" * 200_000 + b"\0;",
        error="GIF is damaged",
    ),
    Picture("a BMP", lambda: save(scene(), "BMP"), SIZE, shows()),
    Picture("a BMP with a palette", lambda: save(scene().quantize(4), "BMP"), SIZE, shows()),
    Picture("a compressed BMP", run_length_bmp, SIZE, shows()),
    Picture("a BMP whose end is missing", lambda: save(scene(), "BMP")[:-900], error="BMP is cut off"),
    Picture("a BMP with a PNG in it", lambda: bmp(SIZE, 24, 5, b""), error="kind of BMP is not supported"),
    Picture("a BMP of 10 thousand million pixels", lambda: bmp((100_000,) * 2, 24, 0, b""), error="10,000,000,000"),
    Picture("a PPM", lambda: save(scene(), "PPM"), SIZE, shows()),
    Picture(
        "a PGM of 16 bits",
        lambda: save(Image.fromarray(np.asarray(gray_scene()).astype(np.uint16) * 257), "PPM"),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture("a PGM of 10 bits", ten_bits, SIZE, shows(GRAYS), gray=True),
    Picture("a PGM of a dark cellar", dark_pgm, SIZE, shows([1] * 4), gray=True, tolerance=1),
    Picture("a PGM of a dark cellar in words", lambda: dark_pgm(True), SIZE, shows([1] * 4), gray=True, tolerance=1),
    Picture("a PBM", lambda: save(scene([0, 1, 1, 0], "1"), "PPM"), SIZE, shows([0, 255, 255, 0]), gray=True),
    Picture("a PPM of words", words, SIZE, shows(GRAYS), gray=True),
    Picture(
        "a PFM of fractions",
        lambda: ppm("Pf 48 32 -1.0\n", np.asarray(gray_scene())[::-1].astype("<f4") / 255),
        SIZE,
        shows(GRAYS),
        gray=True,
    ),
    Picture("a PPM whose end is missing", lambda: save(scene(), "PPM")[:-900], error="PPM is cut off"),
    Picture("a PPM of words without end", lambda: b"P3 1200 1000 9\n", error="slow to read"),
    Picture("a PPM without pixels", lambda: b"P6 0 9 255\n", error="no pixels"),
    Picture("a PPM of 10 thousand million pixels", lambda: b"P6 99999 99999 255\n", error="9,999,800,001"),
    Picture("a PPM with a remark without end", lambda: b"P6 #" + b"x" * 100_000, error="PPM is damaged"),
]

OTHERS += [
    Picture(
        f"a BMP of {bits} bits without its last padding",
        lambda bits=bits: bmp_without_its_last_padding(bits),
        (45, 31),
        {(5, 0): first, (30, 0): second, (5, 20): third},
        gray=bits == 1,
    )
    for bits, (first, second, third) in {
        1: [(0, 0, 0), (255, 255, 255), (255, 255, 255)],
        8: [(0, 0, 0), (255, 255, 255), (255, 255, 255)],
        24: COLOURS[:3],
    }.items()
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
    Picture(
        f"a photo of {w}×{h}",
        lambda w=w, h=h: save(Image.new("L", (w, h), 99), "JPEG"),
        (w, h),
        {(0, 0): (99,) * 3, (w - 1, h - 1): (99,) * 3},
        gray=True,
    )
    for w, h in ((1, 1), (1, 300), (300, 1), (17, 33), (2, 2), (1200, 60), (60, 1200), (65500, 3))
]
SIZES += [
    Picture("a strip that no JPEG can hold", lambda: save(Image.new("L", (65501, 2)), "PNG"), error="at most 65500"),
    Picture("more pixels than are accepted", lambda: save(Image.new("1", (2001, 2000)), "PNG"), error="4,002,000"),
    Picture(
        "just as many pixels as are accepted",
        lambda: save(Image.new("L", (2000, 2000), 99), "PNG"),
        (2000, 2000),
        {(1999, 1999): (99,) * 3},
        gray=True,
    ),
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
        ("JPEG XL", b"\xff\x0a"),
        ("ICO", b"\0\0\1\0\1\0"),
        ("camera raw", b"II*\0\x10\0\0\0CR\2\0"),
        ("videos", b"\0\0\0\x18ftypmp42"),
        ("ZIP", b"PK\3\4"),
    ]
]
