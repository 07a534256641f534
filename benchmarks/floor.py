"""What colorizing a picture must cost at least: decode its luminance, run the model once, encode the result."""

import io
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
import simplejpeg

from benchmarks.planes import planes
from colorize_service import EMBEDDED_BUNDLE
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Setup, load_folder


class Cost(NamedTuple):
    """Seconds that one photo took, and of all cores' time."""

    seconds: float
    cpu: float


class Rate(NamedTuple):
    """Photos a second, and processor seconds of each."""

    rate: float
    cpu: float


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
        return planes(io.BytesIO(colorizer.colorize(photo).file))

    def __call__(self) -> Cost:
        """What one decode + one run + one encode cost."""
        started, before = time.perf_counter(), time.process_time()
        simplejpeg.decode_jpeg(self._jpeg, "GRAY")
        self._session.run(None, self._input)
        simplejpeg.encode_jpeg_yuv_planes(*self._result, self._quality)
        return Cost(time.perf_counter() - started, time.process_time() - before)


def photos_per_second(jpeg: bytes, quality: int, processes: int, duration: float) -> Rate:
    """What ``processes`` processes with one thread each get through side by side."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        rates = list(pool.map(_rate, [(jpeg, quality, duration)] * processes))
    rate = sum(each.rate for each in rates)
    return Rate(rate, sum(each.rate * each.cpu for each in rates) / rate)


def _rate(job: tuple[bytes, int, float]) -> Rate:
    jpeg, quality, duration = job
    floor = Floor(jpeg, quality, 1)
    floor()
    started, costs = time.perf_counter(), list[Cost]()
    while not costs or time.perf_counter() - started < duration:
        costs.append(floor())
    return Rate(len(costs) / (time.perf_counter() - started), sum(each.cpu for each in costs) / len(costs))
