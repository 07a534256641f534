"""``python -m benchmarks.service``: the running service against its floor, on this machine.

Time of ``POST /colorize`` one at a time, photos a second with 8 clients, peak memory, memory over 500 photos, and how
fast ``/health`` answers meanwhile. The service is the real Gunicorn with gunicorn.conf.py and default settings.
"""

import argparse
import http.client
import io
import itertools
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from skimage import data

from benchmarks import floor
from colorize_service.process import available_cpus
from colorize_service.server.settings import Settings
from tests.support.service import Service

SIZES = [(512, 512), (1024, 1024), (2048, 2048), (4000, 3000)]
CLIENTS = 8
MB = 2**20


def photo(width: int, height: int, quality: int = 90) -> bytes:
    """A gray JPEG with the detail of real photos at every size: a mosaic of photos at their own resolution."""
    tiles = itertools.cycle(
        Image.fromarray(getattr(data, name)()).convert("L")
        for name in ("astronaut", "coffee", "chelsea", "rocket", "camera")
    )
    image = Image.new("L", (width, height))
    for top in range(0, height, 300):
        for left in range(0, width, 400):
            image.paste(next(tiles).crop((0, 0, 400, 300)), (left, top))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def form(jpeg: bytes) -> bytes:
    """The multipart body that carries a photo."""
    return (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n--x--\r\n"
    )


class Client:
    """One kept connection to the service."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def colorize(self, body: bytes) -> float:
        """Seconds from sending to the answer."""
        started = time.perf_counter()
        self._connection.request("POST", "/colorize", body, {"Content-Type": "multipart/form-data; boundary=x"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer!r}")
        return time.perf_counter() - started

    def health(self) -> float:
        started = time.perf_counter()
        self._connection.request("GET", "/health")
        response = self._connection.getresponse()
        response.read()
        assert response.status == 200
        return time.perf_counter() - started


class Memory:
    """Resident memory of the service's worker, in bytes."""

    def __init__(self, service: Service):
        (self._worker,) = psutil.Process(service.pid).children()

    def now(self) -> int:
        return self._worker.memory_info().rss

    def reset_peak(self) -> None:
        Path(f"/proc/{self._worker.pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        status = Path(f"/proc/{self._worker.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


def under_load(port: int, bodies: list[bytes], duration: float, count: int | None = None) -> tuple[float, list[float]]:
    """8 clients post without pause, for ``duration`` seconds or ``count`` photos in all.

    Returns:
        Photos a second, and the seconds of each ``/health`` that was asked for meanwhile.
    """
    stop, done, health = threading.Event(), itertools.count(), []
    supply = (
        iter(itertools.cycle(bodies)) if count is None else iter(list(itertools.islice(itertools.cycle(bodies), count)))
    )
    lock = threading.Lock()

    def work() -> None:
        client = Client(port)
        while not stop.is_set():
            with lock:
                body = next(supply, None)
            if body is None:
                return
            client.colorize(body)
            next(done)

    def watch() -> None:
        while not stop.is_set():
            health.append(Client(port).health())
            time.sleep(0.02)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    watcher = threading.Thread(target=watch)
    started = time.perf_counter()
    for thread in [*threads, watcher]:
        thread.start()
    if count is None:
        time.sleep(duration)
        stop.set()
    for thread in threads:
        thread.join()
    rate = next(done) / (time.perf_counter() - started)
    stop.set()
    watcher.join()
    return rate, health


def measure_size(service: Service, size: tuple[int, int], idle: int, runs: int, duration: float) -> list[float]:
    """Print one row of the table; returns the times of ``/health`` under load.

    ``idle`` is the worker's resident memory before its first photo, in bytes.
    """
    jpeg, quality, threads = photo(*size), Settings.model_fields["jpeg_quality"].default, available_cpus()
    body, client, memory = form(jpeg), Client(service.port), Memory(service)
    floors, times = [], []
    bare = floor.Floor(jpeg, quality, threads)
    client.colorize(body)
    bare()
    memory.reset_peak()
    for _ in range(runs):  # in turns, so that a change of the machine's speed meets both
        times.append(client.colorize(body))
        floors.append(bare())
    rate, health = under_load(service.port, [body], duration)
    peak = memory.peak() - idle
    best = floor.photos_per_second(jpeg, quality, threads, duration / 2)
    median, least = statistics.median(times), statistics.median(floors)
    print(
        f"| {size[0]}×{size[1]} | {median * 1e3:.0f} | {np.percentile(times, 95) * 1e3:.0f} | {least * 1e3:.0f} | "
        f"{median / least:.2f} | {rate:.1f} | {best:.1f} | {peak / MB:.0f} |",
        flush=True,
    )
    return health


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30, help="calls one at a time for each size")
    parser.add_argument("--seconds", type=float, default=10, help="length of each load")
    parser.add_argument("--photos", type=int, default=500, help="mixed photos for the memory's course")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {available_cpus()} CPUs, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        memory = Memory(service)
        idle = memory.now()
        print(f"Idle, model loaded: {idle / MB:.0f} MB resident.\n")
        print(
            "| photo | median ms | 95 % ms | floor ms | times floor | photos/s, 8 clients | floor photos/s | "
            "MB over idle, 8 clients |"
        )
        print("|---|---|---|---|---|---|---|---|")
        health = []
        for size in SIZES:
            health += measure_size(service, size, idle, arguments.runs, arguments.seconds)
        print(
            f"\n/health with 8 clients posting without pause: median {statistics.median(health) * 1e3:.1f} ms, "
            f"99 % {np.percentile(health, 99) * 1e3:.1f} ms, of {len(health)}."
        )
        sizes = [(320 + 97 * i % 1700, 240 + 61 * i % 1500) for i in range(23)]
        bodies = [form(photo(*size)) for size in sizes]
        first = arguments.photos // 5
        under_load(service.port, bodies, 0, first)
        after_first = memory.now()
        under_load(service.port, bodies, 0, arguments.photos - first)
        print(
            f"Memory after {first} mixed photos {after_first / MB:.0f} MB, after {arguments.photos} "
            f"{memory.now() / MB:.0f} MB."
        )


if __name__ == "__main__":
    main()
