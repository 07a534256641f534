"""JPEGs, and what EXIF says of which way is up."""

import struct

from PIL import Image, ImageChops

from tests.support.pictures.files import (
    GRAYS,
    SIZE,
    Picture,
    chunk,
    exif,
    gray_scene,
    lying,
    png,
    save,
    scene,
    segment,
    shows,
    tiff,
    with_segments,
    without_segment,
)

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


def oddly_sampled() -> bytes:
    """Of luma half the samples of chroma: nobody writes it, and libjpeg-turbo's plain interface does not know it."""
    data = plain_jpeg()
    at = data.index(b"\xff\xc0") + 11
    return data[:at] + b"\x12" + data[at + 1 : at + 3] + b"\x21" + data[at + 4 :]


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
    Picture("a JPEG of odd samples", oddly_sampled, error="sampled in a way that is not supported"),
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
