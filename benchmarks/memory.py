"""``python -m benchmarks.memory``: how much memory the service takes for a photo, by its kind and size.

For each kind a new service gets one photo to colorize, and another one the same photo to keep. Printed is the highest
resident memory of the worker less what it has when it is idle, in MB for each megapixel: A and B of docs/hosting.md.
"""

import argparse
import io
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from benchmarks.load import Client, form, photo
from benchmarks.service import MB, Memory
from tests.support.service import Service

MAX_UPLOAD_BYTES = 2**30

Kind = Callable[[Image.Image], bytes]  # a photo in colour as a file of this kind


def saved(kind: str, mode: str = "RGB", **options: Any) -> Kind:
    """What Pillow writes of a photo in a mode; where it is dark it is transparent."""

    def make(image: Image.Image) -> bytes:
        buffer, converted = io.BytesIO(), image.convert(mode.removesuffix("A"))
        if mode.endswith("A"):
            converted.putalpha(image.convert("L"))
        converted.save(buffer, kind, **options)
        return buffer.getvalue()

    return make


def heic(mode: str, bits: int = 8) -> Kind:
    def make(image: Image.Image) -> bytes:
        pixels, buffer = np.asarray(image.convert("RGB")), io.BytesIO()
        if mode == "RGBA":
            pixels = np.dstack([pixels, np.asarray(image.convert("L"))])
        if bits == 8:
            file = pillow_heif.from_bytes(mode=mode, size=image.size, data=pixels.tobytes())
        else:
            deep = (pixels.astype(np.uint16) << 8).tobytes()
            file = pillow_heif.from_bytes(mode=f"{mode};16", size=image.size, data=deep)
        file.save(buffer, quality=60, enc_params={"preset": "ultrafast"})
        return buffer.getvalue()

    return make


def tiff(dtype: str, mode: str = "RGB", **options: Any) -> Kind:
    def make(image: Image.Image) -> bytes:
        pixels, buffer = np.asarray(image.convert(mode)).astype(dtype), io.BytesIO()
        photometric = {"L": "minisblack", "RGB": "rgb", "CMYK": "separated"}[mode]
        white = np.iinfo(dtype).max // 255
        tifffile.imwrite(buffer, pixels * white, photometric=photometric, rowsperstrip=64, **options)
        return buffer.getvalue()

    return make


KINDS: dict[str, Kind] = {
    "JPEG, gray": saved("JPEG", "L", quality=90),
    "JPEG, colour": saved("JPEG", quality=90),
    "progressive JPEG": saved("JPEG", quality=90, progressive=True),
    "progressive JPEG with 4:4:4 chroma": saved("JPEG", quality=90, progressive=True, subsampling="4:4:4"),
    "JPEG in CMYK": saved("JPEG", "CMYK", quality=90),
    "16-bit gray PNG": lambda image: bytes(
        imagecodecs.png_encode(np.asarray(image.convert("L")).astype(np.uint16) << 8)
    ),
    "PNG, colour": saved("PNG", compress_level=1),
    "PNG with transparency": saved("PNG", "RGBA", compress_level=1),
    "GIF": saved("GIF", "P"),
    "BMP": saved("BMP"),
    "TIFF, gray": tiff("uint8", "L"),
    "TIFF, colour": tiff("uint8"),
    "TIFF, colour, LZW": tiff("uint8", compression="lzw"),
    "TIFF, colour, Deflate with differences": tiff("uint8", compression="deflate", predictor=True),
    "TIFF, CMYK": tiff("uint8", "CMYK"),
    "TIFF, 16-bit gray": tiff("uint16", "L"),
    "TIFF, 16-bit colour": tiff("uint16"),
    "TIFF of 32-bit numbers": tiff("uint32", "L"),
    "HEIC": heic("RGB"),
    "HEIC, 10 bits": heic("RGB", 10),
    "HEIC with transparency": heic("RGBA"),
    "JPEG 2000, gray": saved("JPEG2000", "L", irreversible=True, quality_layers=[20]),
    "JPEG 2000, colour": saved("JPEG2000", irreversible=True, quality_layers=[20]),
    "JPEG 2000 in tiles": saved("JPEG2000", irreversible=True, quality_layers=[20], tile_size=(1024, 1024)),
    "AVIF": saved("AVIF", speed=10),
    "AVIF with transparency": saved("AVIF", "RGBA", speed=10),
    "WebP": saved("WEBP", method=0),
    "WebP with transparency": saved("WEBP", "RGBA", method=0),
}


def taken(path: str, body: bytes) -> float:
    """MB over idle that a new service takes at most for one ``POST`` of this form to ``path``."""
    settings = {"MAX_UPLOAD_BYTES": MAX_UPLOAD_BYTES}
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder), **settings) as service:
        memory = Memory(service)
        idle = memory.now()
        memory.reset_peak()
        Client(service.port).answer("POST", path, body)
        return (memory.peak() - idle) / MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(6000, 4000), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--kinds", default="", metavar="WORD", help="those with this word in their name")
    arguments = parser.parse_args()
    width, height = arguments.size
    megapixels = width * height / 1e6
    gray = Image.open(io.BytesIO(photo(width, height)))
    image = Image.merge("RGB", [gray, gray.point(lambda level: level * 0.8), gray.point(lambda level: level * 0.6)])
    print(f"{platform.machine()}, Python {platform.python_version()}, photos of {megapixels:.1f} megapixels\n")
    print("| photo | MB of the file | A | B |\n|---|---|---|---|")
    for name, make in KINDS.items():
        if arguments.kinds.lower() in name.lower():
            file = make(image)
            a, b = (taken(path, form(file)) / megapixels for path in ("/colorize", "/upload"))
            print(f"| {name} | {len(file) / MB:.1f} | {a:.1f} | {b:.1f} |", flush=True)


if __name__ == "__main__":
    main()
