"""A client's bytes as a picture: upright, in 8 bits, sRGB, over white."""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from colorize_service.imaging.headers import ImageError, check_size, check_structure, kind_of, png_chunks
from colorize_service.imaging.jpeg import encode

Bytes = NDArray[np.uint8]

# The limit in pixels is an argument here, checked before Pillow allocates.
Image.MAX_IMAGE_PIXELS = None

# The readers themselves instead of Image.open: no other format can be reached; the reason why a file is refused is
# kept; and of a JPEG with several pictures (MPO), whose index may be broken, the first is read as a plain JPEG.
_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}

#: Codecs that Pillow has in Python, which are slow, and the most pixels they may decode (about a second's work).
SLOW_DECODERS = {"ppm": 1_000_000, "ppm_plain": 1_000_000, "bmp_rle": 4_000_000}

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

# The 8-bit mode without palette and alpha that stands for each of these modes.
_BARE = {"1": "L", "LA": "L", "La": "L", "I;16": "L", "I;16B": "L", "I": "L", "F": "L"}
_BARE |= {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB", "YCbCr": "RGB", "LAB": "RGB"}

STRIP = 1 << 19  # pixels that go through NumPy at a time, where a sample has more than 8 bits


class Photo:
    """A photo whose header has been read and is within the limits. Made by `open_photo`.

    It holds the file's bytes and nothing else: each call decodes them again. Its methods may be called in any thread.

    Attributes:
        size: width and height in pixels, upright (the EXIF orientation applied).
    """

    def __init__(self, data: bytes, kind: str, size: tuple[int, int]):
        self.size = size
        self._data = data
        self._kind = kind

    def luma(self) -> Bytes:
        """The luminance: uint8 (height, width), upright, Y of BT.601 from sRGB.

        For a plain JPEG these are the file's own values; its chroma is not decoded.

        Raises:
            ImageError: if the file is cut off or damaged; the text says which.
        """
        plane = self._luma_of_jpeg() if self._kind == "JPEG" else None
        return np.asarray(self._decoded("L")) if plane is None else plane

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

    def _luma_of_jpeg(self) -> Bytes | None:
        """The luma of a JPEG straight into an array, where Pillow would make a picture first and then a copy of it.

        None if it has to be turned or brought to sRGB, or if anything is odd about it: what of that may be forgiven is
        Pillow's to say.
        """
        with _blame(self._kind), contextlib.closing(_open(self._data, self._kind)) as source:
            if source.mode not in ("L", "RGB") or _orientation(source) in _TURNS:
                return None
            if _to_srgb(source.info.get("icc_profile"), source.mode):
                return None
        try:
            plane: Bytes = simplejpeg.decode_jpeg(self._data, "GRAY")[..., 0]
        except ValueError:
            return None
        return plane if plane.shape[::-1] == self.size else None

    def _decoded(self, mode: str) -> Image.Image:
        with _blame(self._kind):
            source: Image.Image = _open(self._data, self._kind)
            image: Image.Image | None = None
            try:
                image = _upright_srgb(source, mode)
            finally:
                if image is not source:
                    source.close()
            if image.size != self.size:
                raise ImageError(f"The {self._kind} is damaged: it says two different sizes.")
            image.info.clear()
            return image


def open_photo(data: bytes, *, max_pixels: int) -> Photo:
    """Read the header of a picture file; nothing is decoded and little allocated.

    Args:
        data: a file of one of the formats in `headers.KINDS`, judged by its content.
        max_pixels: width times height at most.

    Raises:
        ImageError: the file is empty, no image, of a format that is not supported, cut off or damaged in its header,
            or the picture has no pixels, too many, or a side of more than 65500.
    """
    kind = kind_of(data)
    with _blame(kind):
        check_structure(data, kind, max_pixels)
        with contextlib.closing(_open(data, kind)) as image:
            check_size(*image.size, max_pixels)
            _check_reader(image, kind)
            turned = kind != "TIFF" and _orientation(image) >= 5  # Pillow's TIFF size is upright
            return Photo(data, kind, image.size[::-1] if turned else image.size)


@contextlib.contextmanager
def _blame(kind: str) -> Iterator[None]:
    """Turn what Pillow raises over the client's bytes into an `ImageError`, except a lack of memory."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        raise ImageError(_sentence(kind, str(error).lower())) from error


# Words of Pillow's errors, in lower case, when bytes are missing, and when it has no reader for this variant.
_ENDS_EARLY = "truncated", "not enough", "incomplete", "requires a buffer", "chunk b''", "cannot load this image"
_UNKNOWN_KIND = "cannot handle", "unknown pixel", "unknown data", "unsupported", "not yet"


def _sentence(kind: str, reason: str) -> str:
    if any(words in reason for words in _ENDS_EARLY):
        return f"The {kind} is cut off: its end is missing."
    if any(words in reason for words in _UNKNOWN_KIND):
        return f"This kind of {kind} is not supported; a plain 8-bit or 16-bit {kind} is."
    if "not identified" in reason:
        return f"The {kind} has no pixels, or its header is damaged."
    if "too large" in reason or "too much memory" in reason:
        return f"The {kind} has texts or a colour profile in it that are too large."
    return f"The {kind} is damaged and cannot be read."


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    image = _READERS[kind](io.BytesIO(data))
    # Only EXIF turns a picture here, as in browsers. Pillow would look into XMP too.
    image.info.pop("xmp", None)
    image.info.pop("XML:com.adobe.xmp", None)
    if kind == "PNG":
        _complete_png(image, data)
    return image


def _complete_png(image: Image.Image, data: bytes) -> None:
    """Do what Pillow leaves undone: find EXIF data behind the pixels, scale the transparent colour to 8 bits."""
    if "exif" not in image.info:
        for name, start, length in png_chunks(data):
            if name == b"eXIf":
                image.info["exif"] = b"Exif\0\0" + data[start : start + length]
    depth, colour = data[24], image.info.get("transparency")
    if image.mode == "L" and isinstance(colour, int):
        image.info["transparency"] = colour * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16 and colour:
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def _check_reader(image: ImageFile.ImageFile, kind: str) -> None:
    """Check what Pillow's reader knows and `headers` does not."""
    limit = SLOW_DECODERS.get(image.tile[0].codec_name) if image.tile else None
    if limit and image.width * image.height > limit:
        raise ImageError(f"This kind of {kind} is slow to read: at most {limit:,} pixels of it are accepted.")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        if tags.get(TiffImagePlugin.TILEWIDTH, 0) > max(1024, 2 * image.width) or tags.get(
            TiffImagePlugin.TILELENGTH, 0
        ) > max(1024, 2 * image.height):
            raise ImageError("The TIFF is damaged: its tiles are much larger than the picture.")
        # Camera raw: the first picture is a preview, and the photo itself is in a directory inside it.
        if tags.get(ExifTags.Base.NewSubfileType, 0) & 1 and ExifTags.Base.SubIFDs in tags:
            raise ImageError("Sorry, camera raw pictures are not supported. Develop it and send a JPEG.")


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 if there is none or the EXIF data make no sense."""
    try:
        # Not PngImageFile.getexif, which would decode the picture to look for EXIF data behind it.
        exif = Image.Image.getexif(image)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            # Pillow reads these directories while it loads; they may be broken, and nothing in them is needed.
            for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop):
                if tag in exif:
                    del exif[tag]
        value = exif.get(ExifTags.Base.Orientation)
        return value if value in _TURNS else 1
    except MemoryError:
        raise
    except Exception:
        return 1


def _upright_srgb(source: Image.Image, mode: str) -> Image.Image:
    """Decode, and convert to sRGB in `mode`: L, or RGB, which gives L for a gray file."""
    turn = _TURNS.get(_orientation(source))
    to_srgb = _to_srgb(source.info.get("icc_profile"), _BARE.get(source.mode, source.mode))
    if mode == "L" and source.format == "JPEG" and not to_srgb:
        source.draft("L", source.size)
    source.load()
    image, alpha = _without_alpha(_in_8_bits(source), keep_colour=mode == "RGB" or to_srgb is not None)
    if image.mode == "CMYK" and source.format == "JPEG" and "adobe" not in source.info:
        image = ImageChops.invert(image)  # Pillow reads every CMYK JPEG as Adobe's, in which 255 is no ink
    if to_srgb:
        image = to_srgb(image)
    if image.mode not in ("L", mode):
        image = image.convert(mode)
    if alpha:
        image.paste("white", mask=ImageChops.invert(alpha))
    if turn is not None and source.format != "TIFF":  # Pillow turned that while it loaded
        image = image.transpose(turn)
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


def _to_srgb(icc: bytes | None, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """The function that converts a picture of this mode (L, RGB or CMYK) from its ICC profile to sRGB, in L or RGB.

    None if the picture stays as it is: it has no profile, the profile is sRGB or nearly so, it is broken, or it is
    for another kind of picture.
    """
    if not icc:
        return None
    try:
        return _transform(ImageCms.ImageCmsProfile(io.BytesIO(icc)), mode)
    except MemoryError:
        raise
    except Exception:
        return None


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    space = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space]
    if mode != space and (mode, space) != ("L", "RGB"):
        return None
    transform = ImageCms.buildTransform(
        profile, ImageCms.createProfile("sRGB"), space, "RGB", flags=ImageCms.Flags.BLACKPOINTCOMPENSATION
    )
    if mode == "CMYK":
        return transform.apply
    probe = _probe(mode)
    moved = transform.apply(probe.convert(space))
    if max(ImageChops.difference(probe.convert("RGB"), moved).tobytes()) <= 2:
        return None
    if mode == "L":
        table = list(moved.convert("L").tobytes())
        return lambda image: image.point(table)
    return transform.apply_in_place


def _probe(mode: str) -> Image.Image:
    """A picture of all 256 grays, or of 9x9x9 colours in equal steps."""
    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    levels = [round(i * 255 / 8) for i in range(9)]
    return Image.frombytes("RGB", (729, 1), bytes(v for r in levels for g in levels for b in levels for v in (r, g, b)))


def _in_8_bits(image: Image.Image) -> Image.Image:
    """The picture in mode L, its whole range scaled to 0 to 255, if it has more than 8 bits a sample; else as it is."""
    tags: Any = getattr(image, "tag_v2", {})
    low: float
    high: float
    if image.mode in ("I;16", "I;16B"):
        low, high = 0, 4095 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 65535
    elif image.mode == "I" and image.format == "PPM":
        low, high = 0, 65535
    elif image.mode in ("I", "F"):
        low, high = _range(image)
    else:
        return image
    if image.mode != "I" and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        low, high = high, low  # 0 is white, which Pillow ignores in these modes
    table = _levels(np.arange(65536), low, high)
    gray = np.empty((image.height, image.width), np.uint8)
    for top, bottom, samples in _strips(image):
        gray[top:bottom] = table[samples] if samples.dtype.itemsize == 2 else _levels(samples, low, high)
        if "transparency" in image.info:
            gray[top:bottom][samples == image.info["transparency"]] = 255
    return Image.fromarray(gray)


def _levels(samples: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    with np.errstate(all="ignore"):  # infinite and undefined numbers in a client's file are no warning for the log
        levels = (samples.astype(np.float64) - black) * (255 / (white - black)) + 0.5
        return np.nan_to_num(levels, nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def _range(image: Image.Image) -> tuple[float, float]:
    """The numbers for black and white of a picture in 32-bit numbers, whose file does not tell them.

    Black is 0, and white the least of 1 (mode F only), 255 and 65535 that no number exceeds. If there are negative
    or larger numbers, black is the least and white the greatest. Infinite numbers do not count.
    """
    low, high = np.inf, -np.inf
    for _, _, samples in _strips(image):
        finite = samples[np.isfinite(samples)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low >= 0:
        for white in (1, 255, 65535)[image.mode == "I" :]:
            if high <= white:
                return 0, white
    return low, high if high > low else low + 1


def _strips(image: Image.Image) -> Iterator[tuple[int, int, NDArray[Any]]]:
    """First row, end row and samples, (rows, width), of each strip; their type is that of the picture's mode."""
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield top, bottom, np.asarray(image.crop((0, top, image.width, bottom)))
