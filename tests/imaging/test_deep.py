"""Photos of 16 bits: a result in PNG or TIFF has their luminance, to the last bit that they have."""

import functools
import io
import struct

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from colorize_service.imaging import ImageError, open_photo
from colorize_service.imaging.profiles import PRIMARIES, make_profile
from tests.support import profiles
from tests.support.pictures.files import chunk
from tests.support.profiles import parametric, power, raised, table

pytestmark = pytest.mark.slow  # many files, and other programs that read them

SIZE = (31, 23)
WHITE = 65535


@functools.cache
def gray() -> np.ndarray:
    """All kinds of levels: uint16 (h, w)."""
    rng = np.random.default_rng(4)
    return np.cumsum(rng.integers(0, 4200, SIZE[::-1]), axis=1).clip(0, WHITE).astype(np.uint16)


@functools.cache
def rgb() -> np.ndarray:
    """uint16 (h, w, 3)."""
    return np.stack([gray(), WHITE - gray() // 3, gray() // 2 + 77], axis=2)


def luma_of(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., :3].astype(float) @ [0.299, 0.587, 0.114]


def with_alpha(samples: np.ndarray, alpha: int) -> np.ndarray:
    samples = samples.reshape(*SIZE[::-1], -1)
    return np.concatenate([samples, np.full_like(samples[..., :1], alpha)], axis=2)


def tiff(samples: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    photometric = options.pop("photometric", "rgb" if samples.ndim == 3 else "minisblack")
    tifffile.imwrite(buffer, samples, photometric=photometric, **options)
    return buffer.getvalue()


def interlaced(samples: np.ndarray) -> bytes:
    """A PNG of 16 bits in the seven passes of Adam7, each row with a filter of another kind."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    packed = b""
    for left, top, across, down in passes:
        part = samples[top::down, left::across].astype(">u2")
        rows = part.view(np.uint8).reshape(len(part), -1).astype(int)
        before = np.zeros_like(rows[0])
        for i, row in enumerate(rows):
            pixel = 2 * samples.shape[2]
            beside = np.concatenate([np.zeros(pixel, int), row[:-pixel]])
            kind = i % 4
            guess = [0, beside, before, (beside + before) // 2][kind]
            packed, before = packed + bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes(), row
    header = SIZE[0].to_bytes(4, "big") + SIZE[1].to_bytes(4, "big") + bytes([16, 2, 0, 0, 1])
    body = imagecodecs.zlib_encode(packed)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg2000() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(gray()).save(buffer, "JPEG2000", irreversible=False)
    return buffer.getvalue()


def heic(samples: np.ndarray, bits: int) -> bytes:
    """A HEIC that loses nothing but the bits that it has no room for."""
    mode = {2: "I;16", 3: "RGB;16", 4: "RGBA;16"}[samples.shape[2] if samples.ndim == 3 else 2]
    buffer = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    image = pillow_heif.from_bytes(mode=mode, size=SIZE, data=samples.tobytes())
    image.save(buffer, quality=-1, chroma=444, matrix_coefficients=0)  # the matrix 0 is RGB itself
    return buffer.getvalue()


def of_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    """What is left of samples of 16 bits in so many, 0 to 65535."""
    return np.rint((samples >> 16 - bits) * (WHITE / (2**bits - 1)))


def over_white(luma: np.ndarray, alpha: int) -> np.ndarray:
    return (luma.astype(float) * alpha + WHITE * (WHITE - alpha)) / WHITE


EXACT = {
    "PNG, gray": (lambda: imagecodecs.png_encode(gray()), gray),
    "PNG, RGB": (lambda: imagecodecs.png_encode(rgb()), lambda: luma_of(rgb())),
    "PNG, RGB, interlaced": (lambda: interlaced(rgb()), lambda: luma_of(rgb())),
    "PNG, gray, transparent": (
        lambda: imagecodecs.png_encode(with_alpha(gray(), 30_000)),
        lambda: over_white(gray(), 30_000),
    ),
    "PNG, RGB, transparent": (
        lambda: imagecodecs.png_encode(with_alpha(rgb(), 50_001)),
        lambda: over_white(luma_of(rgb()), 50_001),
    ),
    "TIFF, gray": (lambda: tiff(gray()), gray),
    "TIFF, gray, other order": (lambda: tiff(gray(), byteorder=">"), gray),
    "TIFF, white is zero": (lambda: tiff(gray(), photometric="miniswhite"), lambda: WHITE - gray().astype(float)),
    "TIFF, RGB, differences": (
        lambda: tiff(rgb(), compression="deflate", predictor=True),
        lambda: luma_of(rgb()),
    ),
    "TIFF, RGB, in planes": (
        lambda: tiff(rgb().transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
        lambda: luma_of(rgb()),
    ),
    "TIFF, RGB, transparent": (
        lambda: tiff(with_alpha(rgb(), 50_001), extrasamples=["unassalpha"]),
        lambda: over_white(luma_of(rgb()), 50_001),
    ),
    "TIFF, floats": (lambda: tiff((gray() / WHITE).astype(np.float32)), gray),
    "JPEG 2000, gray": (jpeg2000, gray),
    "HEIC, gray, 10 bits": (lambda: heic(gray(), 10), lambda: of_bits(gray(), 10)),
    "HEIC, RGB, 10 bits": (lambda: heic(rgb(), 10), lambda: luma_of(of_bits(rgb(), 10))),
    "HEIC, RGB, 12 bits": (lambda: heic(rgb(), 12), lambda: luma_of(of_bits(rgb(), 12))),
    "HEIC, RGB, transparent": (
        lambda: heic(with_alpha(rgb(), 50_000), 10),
        lambda: over_white(luma_of(of_bits(rgb(), 10)), of_bits(np.uint16([50_000]), 10)[0]),
    ),
    "PPM, gray": (lambda: b"P5\n%d %d\n65535\n" % SIZE + gray().astype(">u2").tobytes(), gray),
}


@pytest.mark.parametrize("name", EXACT)
def test_all_16_bits_of_a_photo_are_read(name):
    make, wanted = EXACT[name]
    luma = open_photo(make(), max_pixels=10_000).luma16()
    assert luma.dtype == np.uint16 and np.abs(luma - wanted()).max() <= 0.51


@pytest.mark.parametrize("name", EXACT)
def test_the_16_bits_are_the_picture_that_the_8_bits_are(name):
    photo = open_photo(EXACT[name][0](), max_pixels=10_000)
    assert np.abs(photo.luma16() / 257 - photo.luma()).max() <= 1.5


def test_a_turned_photo_of_16_bits_is_turned_upright():
    upside_down = tiff(gray(), extratags=[(274, 3, 1, 3, True)])
    photo = open_photo(upside_down, max_pixels=10_000)
    assert (photo.luma16() == gray()[::-1, ::-1]).all()


# Profile, whether the samples are gray, and the exponent that the profile means.
PROFILES = {
    "one number": (profiles.gray(power(1.8)), True, 460.8 / 256),
    "one curve": (profiles.gray(table(raised(1.8))), True, 1.8),
    "a formula": (profiles.gray(parametric(0, 1.8)), True, 1.8),
    "a formula with a straight part": (profiles.gray(parametric(3, 1.8, 1, 0, 0, 0)), True, 1.8),
    "linear gray": (profiles.gray(power(1.0)), True, 1.0),
    "linear colours, gray samples": (make_profile(1.0), True, 1.0),
    "wide colours, gray samples": (make_profile(2.2, PRIMARIES[9]), True, 2.2),
    "linear colours": (make_profile(1.0), False, 1.0),
    "wide colours": (make_profile(1.8, PRIMARIES[9]), False, 1.8),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_scanners_profile_is_applied_at_16_bits(name):
    """Levels between those of 8 bits stay apart: in 8 bits dark ones would become bands."""
    icc, is_gray, exponent = PROFILES[name]
    dark = np.arange(2000, 2000 + SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE[::-1])
    stored = dark if is_gray else np.repeat(dark[..., None], 3, axis=2)
    photo = open_photo(tiff(stored, iccprofile=icc), max_pixels=10_000)
    light = (dark / WHITE) ** exponent
    wanted = WHITE * profiles.encoded(light)
    luma = photo.luma16()
    assert np.abs(luma - wanted).max() < 40, "it is far from what the profile says"
    assert len(np.unique(luma)) > 200
    assert np.abs(luma / 257 - photo.luma()).max() < 2


def heic_of_8_bits(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(samples)).save(buffer)
    return buffer.getvalue()


def test_a_photo_of_8_bits_has_no_16():
    shallow = (gray() >> 8).astype(np.uint8)
    for data in (tiff(shallow), imagecodecs.png_encode(shallow), heic_of_8_bits(shallow)):
        assert open_photo(data, max_pixels=10_000).luma16() is None


@pytest.mark.parametrize("name", ["PNG, RGB", "TIFF, RGB, differences"])
def test_a_photo_of_16_bits_that_is_cut_off_is_refused(name):
    data = EXACT[name][0]()
    if name.startswith("PNG"):
        photo = open_photo(data[:-900], max_pixels=10_000)
    else:
        photo = open_photo(data[:-100], max_pixels=10_000)
    with pytest.raises(ImageError):
        photo.luma16()


def test_a_heic_whose_crop_makes_no_sense_is_refused_and_not_cropped_by_chance():
    data = bytearray(heic(rgb(), 10))
    at = data.index(b"clap") + 4 + 6 * 4
    data[at : at + 4] = struct.pack(">l", -553)  # from the middle upwards: it is outside of the picture
    photo = open_photo(bytes(data), max_pixels=10_000)
    for read in (photo.luma, photo.luma16):
        with pytest.raises(ImageError, match="two different sizes"):
            read()
