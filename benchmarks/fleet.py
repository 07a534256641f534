"""``python -m benchmarks.fleet``: a fleet on this machine beside one process.

Photos a second and the time of ``POST /colorize`` with one service in one process, and with one API process, Redis and
one and two workers, on one shared folder. The floor of a fleet is one process and, beside it, one more put and get of a
photo in the store.
"""

import argparse
import contextlib
import json
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.load import Client, form, photo
from colorize_service.process import available_cpus
from colorize_service.server.storage.folder import FolderStorage
from tests.support.fleet import redis_fleet
from tests.support.service import Service

SIZE = (1024, 1024)


def calls(port: int, body: bytes, count: int) -> list[float]:
    """Seconds of so many calls, one after another."""
    client = Client(port)
    client.colorize(body)
    return [client.colorize(body) for _ in range(count)]


def beside(service: Service) -> float:
    """Milliseconds of a request in which nobody works on its photo, the median of all so far."""
    lines = [json.loads(line) for line in service.log().splitlines() if '"work_ms"' in line]
    return statistics.median(line["ms"] - line["work_ms"] for line in lines)


def rate(port: int, body: bytes, clients: int, seconds: float) -> float:
    """Photos a second with so many clients."""
    until, done = time.monotonic() + seconds, [0] * clients

    def client(number: int) -> None:
        mine = Client(port)
        while time.monotonic() < until:
            mine.colorize(body)
            done[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


def store_seconds(folder: Path, jpeg: bytes, count: int) -> float:
    """The median of one put and one get of a photo."""
    storage, times = FolderStorage(folder), []
    for _ in range(count):
        started = time.perf_counter()
        storage.get("originals", storage.put("originals", jpeg))
        times.append(time.perf_counter() - started)
    return statistics.median(times)


@contextlib.contextmanager
def one_process(folder: Path) -> Iterator[Service]:
    """A service without a broker."""
    with Service(folder) as service:
        yield service


@contextlib.contextmanager
def fleet_of(folder: Path, workers: int) -> Iterator[Service]:
    """The one API process of a fleet."""
    with contextlib.ExitStack() as stack:
        _, fleet = redis_fleet(stack, folder, replicas=1, APP_CHECK="off", ONNX_THREADS=available_cpus())
        for worker in fleet.workers[workers:]:
            worker.stop()
        yield fleet.services[0]


def compare(runs: int, seconds: float) -> None:
    """Print the table of times and rates."""
    jpeg = photo(*SIZE)
    body = form(jpeg)
    print("| | median ms | p95 ms | of it beside the work, ms | photos/s, 8 clients |\n|---|---|---|---|---|")
    places: list[tuple[str, Callable[[Path], contextlib.AbstractContextManager[Service]]]] = [
        ("one process", one_process),
        ("fleet, 1 worker", lambda folder: fleet_of(folder, 1)),
        ("fleet, 2 workers", lambda folder: fleet_of(folder, 2)),
    ]
    for name, start in places:
        with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as service:
            times = calls(service.port, body, runs)
            row = f"{statistics.median(times) * 1e3:.0f} | {np.percentile(times, 95) * 1e3:.0f} | {beside(service):.0f}"
            print(f"| {name} | {row} | {rate(service.port, body, 8, seconds):.1f} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(f"\nOne put and get of the photo in the store: {store_seconds(Path(folder), jpeg, runs) * 1e3:.1f} ms.\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50, help="calls one at a time")
    parser.add_argument("--seconds", type=float, default=15, help="length of each load")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {available_cpus()} CPUs, Python {platform.python_version()}; photos of 1024×1024\n")
    compare(arguments.runs, arguments.seconds)


if __name__ == "__main__":
    main()
