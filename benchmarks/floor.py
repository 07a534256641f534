"""What colorizing a picture must cost at least: decode its luminance, run the model once, encode the result."""

import io
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import onnxruntime as ort
import simplejpeg
from PIL import Image

from benchmarks.planes import planes
from colorize_service import EMBEDDED_BUNDLE
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Setup, load_folder


class Floor:
    """The bare calls for one JPEG, in this process, with nothing between them."""

    def __init__(self, jpeg: bytes, quality: int, threads: int):
        """``jpeg`` is the photo; ``threads`` are ONNX Runtime's."""
        self._jpeg, self._quality = jpeg, quality
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.force_spinning_stop", "1")  # or it would disturb what comes next
        self._session = ort.InferenceSession(
            str(EMBEDDED_BUNDLE / "lite.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._result = self._colorize_once()

    def _colorize_once(self) -> list[np.ndarray]:
        model = load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1))
        colorizer = Colorizer(model, max_pixels=10**9, quality=self._quality)
        photo = colorizer.open(self._jpeg)
        width, height = model.processing_size(*photo.size)
        self._input = {
            "luminance": np.zeros((1, 1, height, width), np.float32),
            "hints": np.zeros((1, 3, height, width), np.float32),
        }
        return planes(io.BytesIO(colorizer.colorize(photo).jpeg))

    def __call__(self) -> float:
        """Seconds of one decode + one run + one encode."""
        started = time.perf_counter()
        image = Image.open(io.BytesIO(self._jpeg))
        image.draft("L", image.size)
        image.load()
        self._session.run(None, self._input)
        simplejpeg.encode_jpeg_yuv_planes(*self._result, self._quality)
        return time.perf_counter() - started


def seconds(jpeg: bytes, quality: int, threads: int, runs: int) -> list[float]:
    """The floor's time, ``runs`` times after a warm-up."""
    floor = Floor(jpeg, quality, threads)
    floor()
    return [floor() for _ in range(runs)]


def photos_per_second(jpeg: bytes, quality: int, processes: int, duration: float) -> float:
    """How many floors a second ``processes`` processes with one thread each get through."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(_rate, [(jpeg, quality, duration)] * processes))


def _rate(job: tuple[bytes, int, float]) -> float:
    jpeg, quality, duration = job
    floor = Floor(jpeg, quality, 1)
    floor()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < duration:
        floor()
        count += 1
    return count / (time.perf_counter() - started)
