"""A client's bytes as a picture: upright, in 8 bits, sRGB, over white."""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from colorize_service.imaging.errors import ImageError
from colorize_service.imaging.formats import avif, bmp, gif, heic, jpeg, jpeg2000, png, ppm, tiff, webp
from colorize_service.imaging.formats.pillow import blame
from colorize_service.imaging.formats.source import DeepSource, Source
from colorize_service.imaging.headers import check_size, kind_of
from colorize_service.imaging.jpeg import encode
from colorize_service.imaging.levels import in_8_bits
from colorize_service.imaging.profiles import to_srgb

if TYPE_CHECKING:
    from colorize_service.imaging.metadata import Metadata, Notes

_READERS: dict[str, Callable[[bytes], Source]] = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "WebP": webp.read,
    "TIFF": tiff.read,
    "HEIC": heic.read,
    "AVIF": avif.read,
    "JPEG 2000": jpeg2000.read,
    "BMP": bmp.read,
    "GIF": gif.read,
    "PPM": ppm.read,
}

Bytes = NDArray[np.uint8]

# How a picture with this EXIF orientation is turned upright (EXIF 2.32, 4.6.4; TIFF 6.0, tag 274).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The mode without depth, palette and alpha, where that is another one.
_BARE = {"1": "L", "LA": "L", "La": "L", "I;16": "L", "I;16B": "L", "I": "L", "F": "L"}
_BARE |= {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB", "YCbCr": "RGB", "LAB": "RGB"}


class Photo:
    """A photo whose header was read and found within the limits. Made by `open_photo`.

    It holds the file's bytes and nothing else: each call decodes anew, in any thread.

    Attributes:
        size: width and height in pixels, upright (the EXIF orientation applied).
        data: the file's bytes.
    """

    def __init__(self, source: Source, kind: str, data: bytes):
        self.size = source.size[::-1] if source.orientation >= 5 else source.size
        self._source = source
        self._kind = kind
        self.data = data

    def luma(self) -> Bytes:
        """The luminance: uint8 (height, width), upright, Y of BT.601 from sRGB.

        For a plain JPEG these are the file's own values; its chroma is not decoded.

        Raises:
            ImageError: if the file is cut off or damaged; the text says which.
        """
        source = self._source
        if isinstance(source, jpeg.Jpeg) and source.is_luma and source.orientation == 1:
            with blame(self._kind):
                return source.luma()  # straight into an array, which Pillow would copy
        return np.asarray(self._decoded("L"))

    def luma16(self) -> NDArray[np.uint16] | None:
        """The luminance in 16 bits, or None where the file has no more than 8, or they can be read in 8 bits only.

        Raises:
            ImageError: as `luma`.
        """
        source = self._source
        if not isinstance(source, DeepSource):
            return None
        from colorize_service.imaging import deep  # here, since few photos have so many bits

        with blame(self._kind):
            samples = source.decode_deep()
            luma = None if samples is None else deep.luma_of(samples, source.icc)
            return None if luma is None else deep.turned(luma, _TURNS.get(source.orientation))

    def metadata(self, notes: "Notes") -> "Metadata":
        """What a result keeps of the photo's metadata, and what it says of itself."""
        from colorize_service.imaging.metadata import metadata_of  # here, since the service keeps none

        return metadata_of(self._kind, self.data, self._source.orientation, self.size, notes)

    def jpeg(self, quality: int) -> bytes:
        """The picture as a baseline JPEG: upright, sRGB, gray if the file is gray, without any metadata.

        Args:
            quality: 1 to 100.

        Raises:
            ImageError: as `luma`.
        """
        image = self._decoded("RGB")
        try:
            return encode(image, quality)
        finally:
            image.close()

    def _decoded(self, mode: str) -> Image.Image:
        with blame(self._kind):
            return _upright_srgb(self._source, mode)


def open_photo(data: bytes, *, max_pixels: int) -> Photo:
    """Read the header of a picture file; nothing is decoded and little allocated.

    Args:
        data: a file of one of the formats in `picture_kinds.KINDS`, judged by its content.
        max_pixels: width times height at most.

    Raises:
        ImageError: the file is empty, no image, of a format that is not supported, cut off or damaged in its header,
            or the picture has no pixels, too many, or a side of more than 65500.
    """
    kind = kind_of(data)
    with blame(kind):
        try:
            source = _READERS[kind](data)
        except (IndexError, struct.error):
            raise ImageError(f"The {kind} is cut off: it ends within its header.") from None
    check_size(*source.size, max_pixels)
    return Photo(source, kind, data)


def _upright_srgb(source: Source, mode: str) -> Image.Image:
    """Decode, and go to sRGB in `mode`: L, or RGB, which gives L for a gray file."""
    turn = _TURNS.get(source.orientation)
    image = source.decode(gray=mode == "L" and source.icc is None)
    convert = to_srgb(source.icc, _BARE.get(image.mode, image.mode))
    image, alpha = _without_alpha(in_8_bits(image), keep_colour=mode == "RGB" or convert is not None)
    if convert:
        image = convert(image)
    if image.mode not in ("L", "RGBX", mode):
        image = image.convert(mode)
    if alpha:
        image.paste("white", mask=ImageChops.invert(alpha))
    if turn is not None:
        image = image.transpose(turn)
    image.info.clear()
    return image


def _without_alpha(image: Image.Image, keep_colour: bool) -> tuple[Image.Image, Image.Image | None]:
    """`image` without palette and alpha, and how opaque each pixel is (mode L), or None if all are."""
    if "transparency" in image.info:
        image = image.convert("RGBA" if image.mode in ("P", "RGB") else "LA")
    elif image.mode in ("PA", "La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("LA", "RGBA"):
        colour = keep_colour and image.mode == "RGBA"
        return image.convert("RGB" if colour else "L"), image.getchannel("A")
    if image.mode in ("P", "YCbCr") and not keep_colour:
        return image.convert("L"), None
    return image.convert(_BARE[image.mode]) if image.mode in _BARE else image, None
