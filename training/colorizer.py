"""An exported model as the service runs it: luma in, the same luma and enlarged chroma out. Needs no torch."""

import json
import math
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from training.colour import lab_to_rgb, rgb_to_lab

MULTIPLE = 32
MAX_PIXELS = 384 * 384
SHORTER_SIDE = 192


def luma_of(rgb):
    """Luma (ITU-R BT.601, what JPEG and the service keep) of sRGB uint8 (H, W, 3): uint8 (H, W)."""
    return np.asarray(Image.fromarray(rgb).convert("L"))


def lightness_of(luma):
    """CIE L* of gray levels uint8 (...): float32 (...), 0..100."""
    return _LIGHTNESS[luma]


_LIGHTNESS = rgb_to_lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))[:, 0].astype(np.float32)


def resize(plane, width, height, how=Image.Resampling.LANCZOS):
    """Resize uint8 (H, W) or (H, W, 3), or float32 (H, W)."""
    return np.asarray(Image.fromarray(plane).resize((width, height), how))


def with_luma(rgb, luma):
    """Put ``luma``, uint8 (H, W), in the place of that of sRGB uint8 (H, W, 3); returns sRGB."""
    ycc = np.asarray(Image.fromarray(rgb).convert("YCbCr")).copy()
    ycc[..., 0] = luma
    return np.asarray(Image.fromarray(ycc, "YCbCr").convert("RGB"))


def processing_size(width, height, shorter_side):
    """Width and height, multiples of 32, at which a picture is seen: a strip gets smaller, not squashed."""
    ratio = max(width, height) / min(width, height)
    shorter = max(MULTIPLE, min(shorter_side, int(math.sqrt(MAX_PIXELS / ratio))) // MULTIPLE * MULTIPLE)
    longest = MAX_PIXELS // shorter // MULTIPLE * MULTIPLE
    longer = min(round(shorter * ratio / MULTIPLE) * MULTIPLE, longest)
    return (longer, shorter) if width >= height else (shorter, longer)


def hint_planes(points, width, height, patch=5):
    """Make the model's ``hints`` input, float32 (1, 3, height, width), of points (x, y, a, b), x and y in 0..1."""
    planes = np.zeros((1, 3, height, width), np.float32)
    for x, y, a, b in points:
        left = min(max(int(x * width) - patch // 2, 0), width - 1)
        top = min(max(int(y * height) - patch // 2, 0), height - 1)
        planes[0, :, top : top + patch, left : left + patch] = np.array([a, b, 1.0], np.float32)[:, None, None]
    return planes


class Colorizer:
    """One model, on one CPU thread. Models without an input ``hints`` work too, and take none."""

    def __init__(self, path, shorter_side=None):
        """path: an ONNX file, or a bundle's folder. shorter_side: instead of the bundle's, in pixels."""
        path = Path(path)
        side = SHORTER_SIDE
        if path.is_dir():
            manifest = json.loads((path / "manifest.json").read_text())
            side = manifest["processing"]["shorter_side"]
            path = path / manifest["files"]["model"]["path"]
        self.shorter_side = shorter_side or side
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.takes_hints = any(put.name == "hints" for put in self._session.get_inputs())

    def predict(self, luminance, hints=None):
        """Run the graph: luminance float32 (N, 1, H, W), hints float32 (N, 3, H, W) or None; ab (N, 2, H/4, W/4)."""
        feed = {"luminance": luminance}
        if self.takes_hints:
            n, _, height, width = luminance.shape
            feed["hints"] = np.zeros((n, 3, height, width), np.float32) if hints is None else hints
        elif hints is not None:
            raise ValueError("this model takes no hints")
        return self._session.run(["ab"], feed)[0]

    def chroma(self, luma, points=()):
        """Chroma of a gray picture, uint8 (H, W), at its size: float32 (2, H, W). points: see ``hint_planes``."""
        height, width = luma.shape
        seen = processing_size(width, height, self.shorter_side)
        luminance = lightness_of(resize(luma, *seen))[None, None]
        small = self.predict(luminance, hint_planes(points, *seen) if points else None)[0]
        return np.stack([resize(plane, width, height, Image.Resampling.BILINEAR) for plane in small])

    def colorize(self, luma, points=()):
        """Colorize a gray picture, uint8 (H, W): sRGB uint8 (H, W, 3) of the same luma."""
        return with_chroma(luma, self.chroma(luma, points))


def with_chroma(luma, ab):
    """Join luma, uint8 (H, W), and chroma, float (2, H, W): sRGB uint8 (H, W, 3) of that luma."""
    lab = np.stack([lightness_of(luma), *ab], axis=-1)
    return with_luma(lab_to_rgb(lab), luma)
