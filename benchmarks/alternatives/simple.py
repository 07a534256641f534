"""The body of both alternatives, as a competent engineer writes it with Pillow and scikit-image in an hour.

It does what the contract asks of a good photo: upright, its own size and luminance, a JPEG. Nothing is refused, queued
or kept from being half written.
"""

import io
import json
import uuid
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps
from skimage.color import lab2rgb, rgb2lab

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.options import JPEG_QUALITY

PROCESSING = json.loads((EMBEDDED_BUNDLE / "manifest.json").read_text())["processing"]


class SimpleColorizer:
    """A session with ONNX Runtime's defaults, and the folder that takes the results."""

    def __init__(self, results: Path):
        self._session = ort.InferenceSession(EMBEDDED_BUNDLE / "lite.onnx", providers=["CPUExecutionProvider"])
        self._results = results

    def colorize(self, data: bytes) -> str:
        """The id under which the photo in ``data`` is stored in colour."""
        luma = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L")
        cb, cr = (plane.resize(luma.size, Image.Resampling.BILINEAR) for plane in self._chroma(luma))
        result_id = str(uuid.uuid4())
        Image.merge("YCbCr", (luma, cb, cr)).save(self._results / f"{result_id}.jpg", "JPEG", quality=JPEG_QUALITY)
        return result_id

    def _chroma(self, luma: Image.Image) -> tuple[Image.Image, Image.Image]:
        """Cb and Cr, as small as the model has them."""
        scale, step = PROCESSING["shorter_side"] / min(luma.size), PROCESSING["multiple_of"]
        width, height = (round(side * scale / step) * step for side in luma.size)
        lightness = _lightness(luma.resize((width, height), Image.Resampling.BICUBIC))
        feed = {"luminance": lightness[None, None], "hints": np.zeros((1, 3, height, width), np.float32)}
        (ab,) = self._session.run(["ab"], feed)
        coarse = _lightness(luma.resize(ab.shape[:1:-1], Image.Resampling.BICUBIC))
        rgb = lab2rgb(np.dstack([coarse, *ab[0]]))
        _, cb, cr = Image.fromarray(np.rint(255 * rgb).astype(np.uint8)).convert("YCbCr").split()
        return cb, cr


def _lightness(luma: Image.Image) -> np.ndarray:
    """L*, float32 (h, w)."""
    return rgb2lab(np.asarray(luma.convert("RGB")))[..., 0].astype(np.float32)
