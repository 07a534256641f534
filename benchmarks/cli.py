"""``python -m benchmarks.cli``: the command line over a folder of photos, beside a loop that does the least.

The loop decodes each photo's luminance, runs the model's session and encodes a result into a file: no shrinking, no
colour maths, nothing checked. Both are processes of their own with as many threads, one of ONNX Runtime's in each; both
times contain Python's start, the imports and the loading of the model.
"""

import argparse
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

BUNDLE = Path(__file__).parents[1] / "colorize_service" / "models" / "colorizenet-lite"
SIZES = [(512, 512), (1024, 1024), (2048, 2048), (4000, 3000)]
QUALITY = 95


def loop(folder: Path, example: Path, threads: int) -> None:
    """Write a result beside each photo of ``folder``; each is the picture ``example`` encoded anew."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(BUNDLE / "lite.onnx"), options, providers=["CPUExecutionProvider"])
    result = Image.open(example)
    result.draft("YCbCr", result.size)
    result.load()
    height, width = (224, 224) if result.width == result.height else (224, 288)  # the model's processing sizes
    feed = {"luminance": np.zeros((1, 1, height, width), np.float32), "hints": np.zeros((1, 3, height, width), np.float32)}

    def convert(path: Path) -> None:
        image = Image.open(io.BytesIO(path.read_bytes()))
        image.draft("L", image.size)
        image.load()
        session.run(None, feed)
        result.save(path.with_suffix(".out"), "JPEG", quality=QUALITY)

    with ThreadPool(threads) as pool:
        pool.map(convert, folder.glob("*.jpg"))


def seconds(*command: str) -> float:
    """How long a Python process with these arguments takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(size: tuple[int, int], photos: int, runs: int) -> None:
    """Print one row of the table."""
    from benchmarks.service import photo
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as root:
        folder, results = Path(root, "photos"), Path(root, "results")
        folder.mkdir()
        jpeg = photo(*size)
        for i in range(photos):
            (folder / f"{i}.jpg").write_bytes(jpeg)
        command = "-m", "colorize_service.cli", str(folder), "-o", str(results), "--force", "--jobs", str(threads)
        seconds(*command)
        floor_command = "-m", "benchmarks.cli", "--loop", str(folder), str(results / "0-color.jpg"), str(threads)
        times, floors = zip(*[(seconds(*command), seconds(*floor_command)) for _ in range(runs)])
    ratio = statistics.median(a / b for a, b in zip(times, floors))
    print(f"| {size[0]}×{size[1]} | {statistics.median(times):.2f} | {statistics.median(floors):.2f} | {ratio:.2f} | "
          f"{photos / statistics.median(times):.1f} |", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--loop"]:
        loop(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}, "
          f"{arguments.photos} photos\n")
    print("| photo | s | loop s | times loop | photos/s |\n|---|---|---|---|---|")
    for size in SIZES:
        measure(size, arguments.photos, arguments.runs)


if __name__ == "__main__":
    main()
