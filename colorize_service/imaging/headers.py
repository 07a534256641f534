"""What the bytes are: how each format is told from its first bytes."""

import re

from colorize_service.imaging.errors import ImageError
from colorize_service.picture_kinds import KINDS, SEND

#: libjpeg's own limit (JPEG_MAX_DIMENSION): a longer side cannot be written.
MAX_SIDE = 65_500

# In this order: one of KINDS, or what the sentence says that is not supported.
_MAGIC = [
    (re.compile(magic, re.DOTALL), name)
    for name, magic in [
        ("HEIC", rb"....ftyp(hei[cmsx]|hev[cmsx])|....ftypm[is]f1.{4,40}(hei[cmsx]|hev[cmsx])"),
        ("camera raw pictures", rb"II\*\0....CR|FUJIFILMCCD-RAW|....ftypcrx|IIU\0|IIR[OS]"),
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("WebP", rb"RIFF....WEBP"),
        ("TIFF", rb"II[*+]\0|II\0\*|MM\0[*+]|MM\*\0"),
        ("GIF", rb"GIF8[79]a"),
        # Two letters alone would take a text for a picture: ask for a known header size too.
        ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        ("AVIF", rb"....ftyp(avi[fs]|m[is]f1)"),
        ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
        ("PPM", rb"P[1-6f]\s"),
        ("PDF documents", rb"\s*%PDF-"),
        ("EPS drawings", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("SVG drawings", rb"\s*(<\?xml.{0,400})?<svg"),
        ("Photoshop documents (PSD)", rb"8BPS"),
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
        ImageError: no bytes, a format that is known but not supported (the text names it), or anything else.
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
