"""No layout of a TIFF gives a picture that is not the file's: each is right by a second reader, or refused by name.

The grid is what `docs/formats.md` shows.
"""

import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from colorize_service.imaging import ImageError, open_photo
from tests.support.pictures.files import tiff

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
SHAPE = (37, 50)  # neither a multiple of a tile nor of a byte's bits

GRAY_NUMBERS = ["uint1", "uint2", "uint4", "uint8", "uint12", "uint16", "uint32", "uint64"]
GRAY_NUMBERS += ["int8", "int16", "int32", "int64", "float16", "float32", "float64"]
ROWS = [("gray", number) for number in GRAY_NUMBERS]
ROWS += [("RGB", number) for number in ("uint8", "uint16", "uint32", "float16", "float32", "float64", "int16")]
ROWS += [("palette", number) for number in ("uint8", "uint16")]
ROWS += [("CMYK", number) for number in ("uint8", "uint16", "float32")]
ROWS += [("YCbCr", "uint8"), ("Lab", "uint8"), ("Lab", "uint16")]
COMPRESSIONS = ["none", "LZW", "Deflate", "PackBits", "LZMA", "Zstandard", "JPEG", "LERC", "JPEG 2000", "WebP"]
_WRITTEN = {"Deflate": "adobe_deflate", "Zstandard": "zstd", "JPEG 2000": "jpeg2000"}
_PHOTOMETRIC = {"RGB": "rgb", "palette": "palette", "CMYK": "separated", "YCbCr": "ycbcr", "Lab": "cielab"}


@dataclass(frozen=True)
class Variant:
    """One file: its samples, how they are written, and the luminance that it shows."""

    samples: np.ndarray
    options: dict
    luma: np.ndarray


def base(channels: int) -> np.ndarray:
    """A smooth picture with some noise, from black to white: (h, w, channels) of 8 bits."""
    rng = np.random.default_rng(channels)
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    waves = [np.sin(rows / (5 + i)) + np.cos(columns / (7 - i / 2)) for i in range(channels)]
    picture = np.stack(waves, axis=2) * 60 + 128 + rng.integers(-8, 8, (*SHAPE, channels))
    picture[0, 0], picture[-1, -1] = 0, 255
    return picture.clip(0, 255).astype(np.uint8)


def scaled(levels: np.ndarray, number: str) -> np.ndarray:
    """Levels of 8 bits over the whole range of another kind of number."""
    kind, bits = re.match(r"([a-z]+)(\d+)", number).groups()
    if kind == "float":
        return (levels / 255).astype(number)
    top = 2 ** int(bits) - 1
    whole = np.array([[int(v) * top // 255 for v in row] for row in levels.reshape(len(levels), -1)], object)
    low = 2 ** (int(bits) - 1) if kind == "int" else 0
    stored = number if int(bits) >= 8 and int(bits) != 12 else "uint16" if int(bits) == 12 else "uint8"
    return (whole - low).astype(stored).reshape(levels.shape)


def over_white(luma: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return 255 + (luma.astype(float) - 255) * (alpha / 255.0)


def luma_of(colours: np.ndarray, mode: str) -> np.ndarray:
    image = Image.frombytes(mode, SHAPE[::-1], colours.tobytes())
    return np.asarray(image.convert("RGB").convert("L")).astype(float)


def pictures(kind: str, number: str) -> Iterator[tuple[np.ndarray, dict, np.ndarray]]:
    """Samples, options, and the luminance that they show; with and without extra samples."""
    bits = int(re.search(r"\d+", number)[0])
    options = {"photometric": _PHOTOMETRIC.get(kind)}
    if kind == "gray":
        levels = base(1)
        plain = {} if bits in (8, 16, 32, 64) else {"bitspersample": bits}
        if bits < 8:
            levels = (levels.astype(int) * (2**bits - 1) // 255 * 255 // (2**bits - 1)).astype(np.uint8)
        for white in ("minisblack", "miniswhite") if number.startswith("uint") and bits < 32 else ("minisblack",):
            luma = levels[..., 0].astype(float)
            shown = luma if white == "minisblack" else 255 - luma
            yield scaled(levels, number), {"photometric": white} | plain, shown
        if number in ("uint8", "uint16"):
            yield from with_extra(levels, number, {"photometric": "minisblack"}, levels[..., 0].astype(float))
    elif kind == "RGB":
        levels = base(3)
        luma = luma_of(levels, "RGB")
        yield scaled(levels, number), options, luma
        if number in ("uint8", "uint16"):
            yield from with_extra(levels, number, options, luma)
    elif kind == "palette":
        colours = base(3).reshape(-1, 3)[: 1 << 8]
        table = np.repeat(colours, 1 << bits - 8, axis=0).astype(np.uint16).T * 257
        indices = base(1)
        luma = luma_of(colours[indices[..., 0]], "RGB")
        yield scaled(indices, number), options | {"colormap": table}, luma
    elif kind == "CMYK":
        levels = base(4)
        yield scaled(levels, number), options, luma_of(levels, "CMYK")
    elif kind == "YCbCr":
        levels = base(3)
        levels[..., 1:] = levels[..., 1:] // 8 + 112  # colours that RGB has
        levels[..., 0] = levels[..., 0] // 2 + 64
        yield levels, options | {"subsampling": (1, 1)}, levels[..., 0].astype(float)
    else:
        levels = base(3)
        image = Image.frombytes("LAB", SHAPE[::-1], levels.tobytes(), "raw", "LAB")
        luma = np.asarray(image.convert("RGB").convert("L")).astype(float)
        yield levels if bits == 8 else levels.astype(np.uint16) << 8, options, luma


def with_extra(levels, number, options, luma) -> Iterator[tuple[np.ndarray, dict, np.ndarray]]:
    alpha = base(5)[..., 4:]
    samples = scaled(np.concatenate([levels, alpha], axis=2), number)
    yield samples, options | {"extrasamples": ["unspecified"]}, luma
    yield samples, options | {"extrasamples": ["unassalpha"]}, over_white(luma, alpha[..., 0])
    multiplied = (levels * (alpha / 255.0)).astype(np.uint8)
    samples = scaled(np.concatenate([multiplied, alpha], axis=2), number)
    yield samples, options | {"extrasamples": ["assocalpha"]}, over_white(luma, alpha[..., 0])


def variants(kind: str, number: str, compression: str) -> Iterator[Variant]:
    for samples, options, luma in pictures(kind, number):
        planes = ["contig", "separate"] if samples.shape[2] > 1 else ["contig"]
        predictors = [None]
        if compression in ("LZW", "Deflate", "Zstandard") and "bitspersample" not in options:
            predictors += [3 if number.startswith("float") else 2]
        for plane, order, cut, predictor in itertools.product(
            planes, "<>", ({"rowsperstrip": 10}, {"tile": (16, 32)}), predictors
        ):
            pixels = samples[..., 0] if samples.shape[2] == 1 else samples
            if plane == "separate":
                pixels = np.moveaxis(pixels, 2, 0)
            more = {"byteorder": order, "planarconfig": plane if samples.shape[2] > 1 else None}
            more |= {"compression": _WRITTEN.get(compression, compression.lower()), "predictor": predictor}
            yield Variant(pixels, options | cut | more, luma)


_PACKERS = {
    "lzw": (5, imagecodecs.lzw_encode),
    "adobe_deflate": (8, imagecodecs.zlib_encode),
    "packbits": (32773, lambda data: imagecodecs.packbits_encode(np.frombuffer(data, np.uint8))),
    "lzma": (34925, imagecodecs.lzma_encode),
    "zstd": (50000, imagecodecs.zstd_encode),
}


def packed(variant: Variant) -> bytes:
    """A compressed file of less than 8 bits a sample, which the second library reads but does not write."""
    bits, options = variant.options["bitspersample"], variant.options
    number, pack = _PACKERS[options["compression"]]
    spread = np.unpackbits(variant.samples.astype(">u2").view(np.uint8).reshape(*SHAPE, 2), axis=2)[..., 16 - bits :]
    rows = np.packbits(spread.reshape(SHAPE[0], -1), axis=1)
    tags = {258: (3, [bits]), 259: (3, [number]), 262: (3, [int(options["photometric"] == "minisblack")])}
    return tiff(pack(rows.tobytes()), tags, size=SHAPE[::-1], order=options["byteorder"])


def written(variant: Variant) -> bytes | None:
    """The file, if the second library can write it, or read it."""
    buffer = io.BytesIO()
    try:
        if "bitspersample" in variant.options and variant.options["compression"] in _PACKERS:
            buffer.write(packed(variant))
        else:
            tifffile.imwrite(buffer, variant.samples, **variant.options)
    except (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError):
        return None
    data = buffer.getvalue()
    try:
        again = tifffile.imread(io.BytesIO(data))
    except (ValueError, RuntimeError):
        return None
    lossy = variant.options["compression"] in ("jpeg", "jpeg2000", "webp")
    return data if lossy or np.array_equal(again.squeeze(), variant.samples.squeeze()) else None


def outcome(variant: Variant, data: bytes) -> bool:
    """Whether it is read; an assertion fails if the picture is another one, or the refusal does not name the layout."""
    try:
        shown = np.asarray(open_photo(data, max_pixels=10_000).luma()).astype(float)
        refusal = ""
    except ImageError as error:
        refusal = str(error)
    if refusal:
        assert "kind of TIFF is not supported: " in refusal, (refusal, variant.options)
        return False
    off = np.abs(shown - variant.luma)
    limit = 12 if variant.options["compression"] == "jpeg" else 2.6
    assert np.percentile(off, 98) <= limit and off.mean() <= limit / 2, (off.max(), off.mean(), variant.options)
    return True


def cell(kind: str, number: str, compression: str) -> str:
    tried = [outcome(v, data) for v in variants(kind, number, compression) if (data := written(v)) is not None]
    if not tried:
        return "–"
    return "refused" if not any(tried) else f"read ({len(tried)})" if all(tried) else f"{sum(tried)} of {len(tried)}"


def documented() -> dict[tuple[str, str], list[str]]:
    rows = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [part.strip() for part in line.strip("|").split("|")]
        if len(cells) == len(COMPRESSIONS) + 1 and (found := re.fullmatch(r"(\w+), (\w+)", cells[0])):
            rows[found[1], found[2]] = cells[1:]
    return rows


def line(kind: str, number: str) -> list[str]:
    return [cell(kind, number, compression) for compression in COMPRESSIONS]


@pytest.mark.parametrize(("kind", "number"), ROWS)
def test_no_layout_gives_a_wrong_picture_and_the_document_says_which_are_read(kind, number):
    assert documented().get((kind, number)) == line(kind, number)


def test_the_document_has_no_other_rows():
    assert list(documented()) == ROWS


if __name__ == "__main__":  # prints the document's grid
    print("| |", " | ".join(COMPRESSIONS), "|")
    print("| --- |" + " --- |" * len(COMPRESSIONS))
    for row in ROWS:
        print("|", ", ".join(row), "|", " | ".join(line(*row)), "|")
