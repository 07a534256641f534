"""``python -m benchmarks.cli``: the command line over a folder of photos, beside a loop that does the least.

The loop decodes each photo's luminance, runs the model's session and encodes a result into a file: no shrinking, no
colour maths, nothing checked. It decodes and encodes planes, as the command does, or, as most would write it, with
Pillow. All are processes of their own with as many threads, one of ONNX Runtime's in each; all times contain Python's
start, the imports and the loading of the model.
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
import simplejpeg
from PIL import Image

from benchmarks.planes import planes
from colorize_service import EMBEDDED_BUNDLE
from colorize_service.process import available_cpus

SIZES = [(512, 512), (1024, 1024), (2048, 2048), (4000, 3000)]
QUALITY = 96


def loop(folder: Path, example: Path, threads: int, encoder: str) -> None:
    """Write a result beside each photo of ``folder``; each is the picture ``example`` encoded anew.

    ``simplejpeg`` or ``pillow`` is the ``encoder``, and decodes the photos too.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(EMBEDDED_BUNDLE / "lite.onnx"), options, providers=["CPUExecutionProvider"])
    if encoder == "pillow":
        image = Image.open(example)
        image.draft("YCbCr", image.size)
        image.load()
        width, height = image.size
    else:
        result = planes(example)
        height, width = result[0].shape
    size = (192, 192) if width == height else (192, 256)  # the model's processing sizes
    feed = {"luminance": np.zeros((1, 1, *size), np.float32), "hints": np.zeros((1, 3, *size), np.float32)}

    def convert(path: Path) -> None:
        if encoder == "pillow":
            photo = Image.open(io.BytesIO(path.read_bytes()))
            photo.draft("L", photo.size)
            photo.load()
            session.run(None, feed)
            image.save(path.with_suffix(".out"), "JPEG", quality=QUALITY)
        else:
            simplejpeg.decode_jpeg(path.read_bytes(), "GRAY")
            session.run(None, feed)
            path.with_suffix(".out").write_bytes(simplejpeg.encode_jpeg_yuv_planes(*result, QUALITY))

    with ThreadPool(threads) as pool:
        pool.map(convert, folder.glob("*.jpg"))


def seconds(*command: str, cwd: Path | None = None) -> np.ndarray:
    """How long a Python process with these arguments, in this folder, takes, and how much of the CPUs' time."""
    started, before = time.perf_counter(), os.times()
    null = subprocess.DEVNULL
    subprocess.run([sys.executable, *command], check=True, cwd=cwd, stdout=null, stderr=null)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return np.array([time.perf_counter() - started, cpu])


def measure(size: tuple[int, int], photos: int, runs: int) -> None:
    """Print one row of the table."""
    from benchmarks.load import photo  # here, since the loop is to import nothing that it does not need

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
        loops = [(*bare, encoder) for encoder in ("simplejpeg", "pillow")]
        rounds = np.array([[seconds(*each) for each in (command, *loops)] for _ in range(runs)])  # the machine varies
    (ours, cpu), (floor, cpu_floor), (pillow, _) = np.median(rounds, axis=0)
    ratios = np.median(rounds[:, :1] / rounds[:, 1:], axis=0)
    print(
        f"| {size[0]}×{size[1]} | {photos / ours:.1f} | {ours:.2f} | {floor:.2f} | {ratios[0, 0]:.2f} | {pillow:.2f} | "
        f"{ratios[1, 0]:.2f} | {cpu:.2f} | {cpu_floor:.2f} | {ratios[0, 1]:.2f} |",
        flush=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--loop"]:
        loop(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {available_cpus()} CPUs, Python {platform.python_version()}, "
        f"{arguments.photos} photos\n"
    )
    print(
        "| photo | photos/s | s | loop s | times loop | with Pillow s | times that | CPU s | loop CPU s | times loop |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for size in SIZES:
        measure(size, arguments.photos, arguments.runs)


if __name__ == "__main__":
    main()
