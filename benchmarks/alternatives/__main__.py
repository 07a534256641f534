"""``python -m benchmarks.alternatives``: the service beside what a user would build in an hour instead.

8 clients post the same photo to the service, to FastAPI and to LitServe, in turns and in short rounds, so that a change
of the machine's speed meets all. All have the same cores, their default settings and the same model; the processor time
is that of all processes of a server, without the clients'. The floor is decoding, the model and encoding, in a process
for each core and with nothing between them.
"""

import argparse
import contextlib
import io
import json
import platform
import statistics
import tempfile
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnxruntime as ort
from PIL import Image

from benchmarks import floor, servers
from benchmarks.load import CLIENTS, Client, Load, form, photo, under_load
from benchmarks.servers import Server
from colorize_service.options import JPEG_QUALITY
from colorize_service.process import available_cpus

SIZES = [(512, 512), (2048, 2048)]
PACKAGES = ["Flask", "gunicorn", "fastapi", "uvicorn", "litserve", "Pillow"]


def check(server: Server, body: bytes, size: tuple[int, int]) -> None:
    """Fetch one result by the link in the answer.

    Raises:
        RuntimeError: if it is not in colour, or has another size than the photo.
    """
    client = Client(server.port)
    link = json.loads(client.answer("POST", "/colorize", body))["download_url"]
    result = Image.open(io.BytesIO(client.answer("GET", urlsplit(link).path)))
    chroma = np.asarray(result.convert("YCbCr"))[..., 1:]
    if result.size != size or np.ptp(chroma) < 8:
        raise RuntimeError(f"{server.name}: a result of {result.size}, Cb and Cr from {chroma.min()} to {chroma.max()}")


def measure(running: list[Server], size: tuple[int, int], seconds: float, rounds: int) -> None:
    """Print the table of one size."""
    jpeg = photo(*size)
    body = form(jpeg)
    for server in running:
        check(server, body, size)
        under_load(server.port, server.pid, [body], seconds / 2)  # to warm up
    loads = [[under_load(each.port, each.pid, [body], seconds) for each in running] for _ in range(rounds)]
    print(
        f"\n| {size[0]}×{size[1]} | photos/s | Colorize, times as many | CPU ms a photo | times Colorize's |\n"
        "|---|---|---|---|---|"
    )
    for i, server in enumerate(running):
        print(row(server.name, [each[i] for each in loads], [each[0] for each in loads]))
    least = floor.photos_per_second(jpeg, JPEG_QUALITY, available_cpus(), seconds)
    print(row("floor", [Load(least.rate, least.cpu)] * rounds, [each[0] for each in loads]), flush=True)


def row(name: str, theirs: list[Load], ours: list[Load]) -> str:
    """The medians of the rounds; those of the ratios are of each round's own."""
    pairs = list(zip(theirs, ours, strict=True))
    rates, cpus = [our.rate / their.rate for their, our in pairs], [their.cpu / our.cpu for their, our in pairs]
    return (
        f"| {name} | {statistics.median(each.rate for each in theirs):.1f} | {statistics.median(rates):.2f} | "
        f"{statistics.median(each.cpu for each in theirs) * 1e3:.0f} | {statistics.median(cpus):.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4, help="length of each server's round")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{platform.machine()}, {available_cpus()} CPUs, {CLIENTS} clients, Python {platform.python_version()},")
    print(f"{versions}, ONNX Runtime {ort.__version__}")
    with contextlib.ExitStack() as stack:
        running = []
        for make in (servers.colorize, servers.fastapi, servers.litserve):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            running.append(stack.enter_context(make(folder)))
        for size in SIZES:
            measure(running, size, arguments.seconds, arguments.rounds)


if __name__ == "__main__":
    main()
