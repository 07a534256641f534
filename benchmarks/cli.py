"""``python -m benchmarks.cli``: the command line over a folder of photos, beside a loop that does the least.

The loop decodes each photo's luminance, runs the model's session and encodes a result into a file: no shrinking, no
colour maths, nothing checked. Both are processes of their own with as many threads, one of ONNX Runtime's in each; both
times contain Python's start, the imports and the loading of the model.
"""

import argparse
import io
import os
import platform
import subprocess
import sys
import tempfile
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.cpus import available_cpus

SIZES = [(512, 512), (1024, 1024), (2048, 2048), (4000, 3000)]
QUALITY = 95


def loop(folder: Path, example: Path, threads: int) -> None:
    """Write a result beside each photo of ``folder``; each is the picture ``example`` encoded anew."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(EMBEDDED_BUNDLE / "lite.onnx"), options, providers=["CPUExecutionProvider"])
    result = Image.open(example)
    result.draft("YCbCr", result.size)
    result.load()
    size = (192, 192) if result.width == result.height else (192, 256)  # the model's processing sizes
    feed = {"luminance": np.zeros((1, 1, *size), np.float32), "hints": np.zeros((1, 3, *size), np.float32)}

    def convert(path: Path) -> None:
        image = Image.open(io.BytesIO(path.read_bytes()))
        image.draft("L", image.size)
        image.load()
        session.run(None, feed)
        result.save(path.with_suffix(".out"), "JPEG", quality=QUALITY)

    with ThreadPool(threads) as pool:
        pool.map(convert, folder.glob("*.jpg"))


def seconds(*command: str) -> np.ndarray:
    """How long a Python process with these arguments takes, and how much of the CPUs' time."""
    started, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return np.array([time.perf_counter() - started, cpu])


def measure(size: tuple[int, int], photos: int, runs: int) -> None:
    """Print one row of the table."""
    from benchmarks.service import photo  # here, since the loop is to import nothing that it does not need
    threads = available_cpus()
    with tempfile.TemporaryDirectory() as root:
        folder, results = Path(root, "photos"), Path(root, "results")
        folder.mkdir()
        jpeg = photo(*size)
        for i in range(photos):
            (folder / f"{i}.jpg").write_bytes(jpeg)
        command = "-m", "colorize_service.cli", str(folder), "-o", str(results), "--force"
        seconds(*command)
        bare = "-m", "benchmarks.cli", "--loop", str(folder), str(results / "0-color.jpg"), str(threads)
        pairs = [(seconds(*command), seconds(*bare)) for _ in range(runs)]  # in turns: the machine varies
    times, floors = (np.median(column, axis=0) for column in zip(*pairs))
    ratio, cpu_ratio = np.median([a / b for a, b in pairs], axis=0)
    print(f"| {size[0]}×{size[1]} | {times[0]:.2f} | {floors[0]:.2f} | {ratio:.2f} | {times[1]:.2f} | {floors[1]:.2f} | "
          f"{cpu_ratio:.2f} | {photos / times[0]:.1f} |", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--loop"]:
        loop(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {available_cpus()} CPUs, Python {platform.python_version()}, "
          f"{arguments.photos} photos\n")
    print("| photo | s | loop s | times loop | CPU s | loop CPU s | times loop | photos/s |")
    print("|---|---|---|---|---|---|---|---|")
    for size in SIZES:
        measure(size, arguments.photos, arguments.runs)


if __name__ == "__main__":
    main()
