"""``python -m benchmarks.lite``: one run of the embedded model on one core, beside what its arithmetic must cost.

The floor is its multiply-adds at the rate that one core reaches in a large float32 matrix product, measured here.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import json
import resource
import statistics
import tempfile
import time
from math import prod
from pathlib import Path

import numpy as np
import onnxruntime as ort

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import Bundle

SHAPES = [(192, 192), (224, 224), (224, 288), (224, 320)]
RUNS = 30


def session(path: Path, profile: bool = False) -> ort.InferenceSession:
    """A session on one thread of the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # as the service runs it
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(tempfile.gettempdir()) / "colorize-profile")
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights have no shape in it
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def inputs(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """A picture of noise, without hints."""
    luminance = 100 * np.random.default_rng(0).random((1, 1, *shape), np.float32)
    return {"luminance": luminance, "hints": np.zeros((1, 3, *shape), np.float32)}


def multiply_adds(path: Path, shape: tuple[int, int]) -> int:
    """Multiply-adds of all convolutions and matrix products, from the shapes of a profiled run."""
    profiled = session(path, profile=True)
    profiled.run(None, inputs(shape))
    trace = Path(profiled.end_profiling())
    total = 0
    for event in json.loads(trace.read_text()):
        arguments = event.get("args", {})
        if arguments.get("op_name") in ("Conv", "MatMul", "Gemm") and "output_type_shape" in arguments:
            (output,), second = arguments["output_type_shape"][0].values(), arguments["input_type_shape"][1]
            (weights,) = second.values()
            total += prod(output) * (prod(weights[1:]) if arguments["op_name"] == "Conv" else weights[-2])
    trace.unlink()
    return total


def peak_rate() -> float:
    """Float32 multiply-adds a second of one core, in a matrix product of 1536 × 1536."""
    a = np.random.default_rng(0).random((1536, 1536), np.float32)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 1536**3 / min(times)


def main() -> None:
    path = Bundle(EMBEDDED_BUNDLE).path("model")
    model = session(path)
    rows = []
    for shape in SHAPES:
        feed, times = inputs(shape), []
        for _ in range(RUNS + 3):
            started = time.perf_counter()
            model.run(None, feed)
            times.append(time.perf_counter() - started)
        rows.append((shape, statistics.median(times[3:])))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = peak_rate()
    print(
        f"{path.stat().st_size / 1e6:.1f} MB on disk; peak memory of the process {memory:.0f} MB.\n"
        f"One core: {rate / 1e9:.1f} G multiply-adds/s in a matrix product.\n"
    )
    print("| height×width | ms, one core | M multiply-adds | floor ms | times floor |\n|---|---|---|---|---|")
    for shape, seconds in rows:
        work = multiply_adds(path, shape)
        print(
            f"| {shape[0]}×{shape[1]} | {seconds * 1e3:.0f} | {work / 1e6:.0f} | {work / rate * 1e3:.0f} | "
            f"{seconds * rate / work:.1f} |"
        )


if __name__ == "__main__":
    main()
