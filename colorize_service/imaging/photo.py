"""A client's bytes as a picture: upright, in 8 bits, sRGB, over white."""

import contextlib
import io
from collections.abc import Callable, Iterator

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

# The readers themselves instead of Image.open: no other format can be reached, the reason why a file is refused is
# not lost, and of a JPEG with several pictures (MPO), whose index may be broken, the first is simply a JPEG.
_READERS = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}

#: What Pillow decodes in Python, a number at a time, and how many pixels of it are worth the time (about a second).
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

# The mode without depth, palette and alpha, where that is another one.
_BARE = {"1": "L", "LA": "L", "La": "L", "I;16": "L", "I;16B": "L", "I": "L", "F": "L"}
_BARE |= {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB", "YCbCr": "RGB", "LAB": "RGB"}

STRIP = 1 << 19  # pixels at a time, where more than 8 bits go through NumPy


class Photo:
    """A photo whose header was read and found within the limits. Made by `open_photo`.

    It holds the file's bytes and nothing else: each call decodes anew, in any thread.

    Attributes:
        size: width and height in pixels, upright (the EXIF orientation applied).
    """

    def __init__(self, data: bytes, kind: str, size: tuple[int, int]):
        self.size = size
        self._data = data
        self._kind = kind

    def luma(self) -> Bytes:
        """The luminance: uint8 (height, width), upright, Y of BT.601 from sRGB.

        Of a plain JPEG these are the numbers in the file, its chroma is not even decoded.

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
            source, image = _open(self._data, self._kind), None
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
    """Whatever Pillow raises over the client's bytes is the file's fault, except a lack of memory."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        raise ImageError(_sentence(kind, str(error).lower())) from error


# What Pillow says (in lower case) when bytes are missing, and when it knows no way to read them.
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


def _open(data: bytes, kind: str) -> Image.Image:
    image = _READERS[kind](io.BytesIO(data))
    # Only EXIF turns a picture here, as in browsers. Pillow would go on and look into XMP.
    image.info.pop("xmp", None)
    image.info.pop("XML:com.adobe.xmp", None)
    if kind == "PNG":
        _complete_png(image, data)
    return image


def _complete_png(image: Image.Image, data: bytes) -> None:
    """What Pillow leaves undone: EXIF data behind the pixels, and the transparent colour at their depth."""
    if "exif" not in image.info:
        for name, start, length in png_chunks(data):
            if name == b"eXIf":
                image.info["exif"] = b"Exif\0\0" + data[start : start + length]
    depth, colour = data[24], image.info.get("transparency")
    if image.mode == "L" and isinstance(colour, int):
        image.info["transparency"] = colour * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16 and colour:
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def _check_reader(image: Image.Image, kind: str) -> None:
    """What only the reader knows and `headers` does not."""
    limit = SLOW_DECODERS.get(image.tile[0].codec_name) if image.tile else None
    if limit and image.width * image.height > limit:
        raise ImageError(f"This kind of {kind} is slow to read: at most {limit:,} pixels of it are accepted.")
    if kind == "TIFF":
        tags = image.tag_v2
        if tags.get(TiffImagePlugin.TILEWIDTH, 0) > max(1024, 2 * image.width) or tags.get(
            TiffImagePlugin.TILELENGTH, 0
        ) > max(1024, 2 * image.height):
            raise ImageError("The TIFF is damaged: its tiles are much larger than the picture.")
        # A preview, and directories inside it in one of which the picture itself stands.
        if tags.get(ExifTags.Base.NewSubfileType, 0) & 1 and ExifTags.Base.SubIFDs in tags:
            raise ImageError("Sorry, camera raw pictures are not supported. Develop it and send a JPEG.")


def _orientation(image: Image.Image) -> int:
    """1 to 8; 1 where there is none, or where the EXIF data make no sense."""
    try:
        # Not PngImageFile's own, which would decode the picture to look behind it.
        exif = Image.Image.getexif(image)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            # While it loads, Pillow reads these directories, which may be broken and hold nothing for us.
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
    """Decode, and go to sRGB in `mode`: L, or RGB, which gives L for a gray file."""
    turn = _TURNS.get(_orientation(source))
    to_srgb = _to_srgb(source.info.get("icc_profile"), _BARE.get(source.mode, source.mode))
    if mode == "L" and source.format == "JPEG" and not to_srgb:
        source.draft("L", source.size)
    source.load()
    image, alpha = _without_alpha(_in_8_bits(source), keep_colour=mode == "RGB" or to_srgb is not None)
    if image.mode == "CMYK" and source.format == "JPEG" and "adobe" not in source.info:
        image = ImageChops.invert(image)  # Pillow takes each JPEG for one of Adobe's, which count ink from the top
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
    """What brings a picture of this mode (L, RGB or CMYK) from its ICC profile to sRGB, in L or RGB.

    None where there is nothing to do, since the profile is sRGB or nearly so, and nothing to be done, since there is
    no profile, or it is broken or one for another kind of picture.
    """
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
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
        if max(high for low, high in ImageChops.difference(probe.convert("RGB"), moved).getextrema()) <= 2:
            return None
        if mode == "L":
            table = list(moved.convert("L").tobytes())
            return lambda image: image.point(table)
        return transform.apply_in_place
    except MemoryError:
        raise
    except Exception:
        return None


def _probe(mode: str) -> Image.Image:
    """All 256 grays, or 9x9x9 colours in equal steps."""
    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    levels = [round(i * 255 / 8) for i in range(9)]
    return Image.frombytes("RGB", (729, 1), bytes(v for r in levels for g in levels for b in levels for v in (r, g, b)))


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Modes with more than 8 bits a sample as L, their whole range scaled to 0..255; other modes as they are."""
    tags = getattr(image, "tag_v2", {})
    if image.mode in ("I;16", "I;16B"):
        low, high = 0, 4095 if tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 65535
    elif image.mode == "I" and image.format == "PPM":
        low, high = 0, 65535
    elif image.mode in ("I", "F"):
        low, high = _range(image)
    else:
        return image
    if image.mode != "I" and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        low, high = high, low  # white is zero, which Pillow does not see to in these modes
    table = _levels(np.arange(65536), low, high)
    gray = np.empty((image.height, image.width), np.uint8)
    for top, bottom, samples in _strips(image):
        gray[top:bottom] = table[samples] if samples.dtype.itemsize == 2 else _levels(samples, low, high)
        if "transparency" in image.info:
            gray[top:bottom][samples == image.info["transparency"]] = 255
    return Image.fromarray(gray)


def _levels(samples: np.ndarray, black: float, white: float) -> np.ndarray:
    with np.errstate(all="ignore"):  # no number in a file is so odd that it should be a warning in the log
        levels = (samples.astype(np.float64) - black) * (255 / (white - black)) + 0.5
        return np.nan_to_num(levels, nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def _range(image: Image.Image) -> tuple[float, float]:
    """Black and white of a picture in 32-bit numbers, which have no range of their own.

    0 to 1 (only F), 255 or 65535, the least that holds them all; where there are negative or greater numbers, from
    the least to the greatest. Infinite numbers do not count.
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


def _strips(image: Image.Image) -> Iterator[tuple[int, int, np.ndarray]]:
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield top, bottom, np.asarray(image.crop((0, top, image.width, bottom)))
