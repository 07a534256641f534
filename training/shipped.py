"""A bundle as the service runs it, for measurements: a photo's bytes in, the finished picture out. Needs no torch."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_service.bundle import Bundle
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Setup, load_folder
from colorize_service.options import Hint, Options

Pixels = NDArray[np.uint8]

MAX_PIXELS = 50_000_000


class Shipped:
    """One bundle on one CPU thread."""

    def __init__(self, folder: Path):
        manifest = Bundle(folder).manifest
        self.name = f"{manifest.name} {manifest.version}"
        self.model = load_folder(folder, Setup(device="cpu", threads=1))
        self._colorizer = Colorizer(self.model, max_pixels=MAX_PIXELS, spread=False)

    @property
    def takes_hints(self) -> bool:
        return "hints" in self.model.takes

    def colorize(self, photo: bytes, hints: Sequence[Hint] = ()) -> Pixels:
        """The result of a photo, its file's bytes: sRGB uint8 (H, W, 3), of the photo's size."""
        result = self._colorizer.colorize(self._colorizer.open(photo), Options(hints=tuple(hints)))
        return decoded(result.file)

    def gray(self, photo: bytes) -> Pixels:
        """The photo as the service sees it, without colour: sRGB uint8 (H, W, 3)."""
        return np.stack(3 * [self._colorizer.open(photo).luma()], axis=-1)


def decoded(jpeg: bytes) -> Pixels:
    """A file's pixels: sRGB uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


def resized(rgb: Pixels, width: int, height: int) -> Pixels:
    """sRGB uint8 (H, W, 3) at another size, by Lanczos."""
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS))
