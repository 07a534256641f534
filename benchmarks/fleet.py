"""``python -m benchmarks.fleet``: a fleet on this machine beside one process.

Photos a second and the time of ``POST /colorize`` with one service in one process, and with one API process, Redis and
one and two workers, on one shared folder. The floor of a fleet is one process and, beside it, one more put and get of a
photo in the store. Then photos a second with one to eight workers whose model sleeps, as one does that waits for a GPU:
so many GPUs are not needed to see whether anything but them holds photos up.
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

from benchmarks import sleeping
from benchmarks.load import Client, form, photo
from colorize_service.process import available_cpus
from colorize_service.server.storage.folder import FolderStorage
from tests.support.fleet import redis_fleet
from tests.support.service import Service, wait_until

SIZE = (1024, 1024)
#: Seconds that the model sleeps for a photo, and the numbers of workers, where it is measured how they add up.
SLEEP, WORKERS = 0.5, (1, 2, 4, 8)
#: Seconds of a load that do not count.
WARM_UP = 2.0


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
    """Photos a second with so many clients, from when all have begun."""
    began = time.monotonic() + WARM_UP
    ends: list[float] = []

    def client() -> None:
        mine = Client(port)
        while time.monotonic() < began + seconds:
            mine.colorize(body)
            ends.append(time.monotonic())

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(began < end <= began + seconds for end in ends) / seconds


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
    """Print the table of times and rates, and what the fleet adds to the floor."""
    jpeg = photo(*SIZE)
    body = form(jpeg)
    print("| | median ms | p95 ms | of it beside the work, ms | photos/s, 8 clients |\n|---|---|---|---|---|")
    places: list[tuple[str, Callable[[Path], contextlib.AbstractContextManager[Service]]]] = [
        ("one process", one_process),
        ("fleet, 1 worker", lambda folder: fleet_of(folder, 1)),
        ("fleet, 2 workers", lambda folder: fleet_of(folder, 2)),
    ]
    others = []
    for name, start in places:
        with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as service:
            times = calls(service.port, body, runs)
            others.append(beside(service))
            row = f"{statistics.median(times) * 1e3:.0f} | {np.percentile(times, 95) * 1e3:.0f} | {others[-1]:.0f}"
            print(f"| {name} | {row} | {rate(service.port, body, 8, seconds):.1f} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        stored = store_seconds(Path(folder), jpeg, runs) * 1e3
    print(f"\nOne put and get of the photo in the store: {stored:.1f} ms.")
    print(f"A fleet with one worker adds {others[1] - others[0] - stored:.1f} ms to one process and that.\n")


def scale(seconds: float) -> None:
    """Print photos a second by the number of workers."""
    body = form(photo(256, 256))
    print(f"With a model that sleeps {SLEEP} s, and twice as many clients as workers:\n")
    print("| workers | photos/s | times one | of what the sleep allows |\n|---|---|---|---|")
    one = 0.0
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            settings: dict[str, object] = {"APP_CHECK": "off", "MAX_IN_WORK": 1, sleeping.SECONDS: SLEEP}
            _, fleet = redis_fleet(stack, Path(folder), worker=sleeping.MODULE, replicas=1, workers=workers, **settings)
            wait_until(lambda fleet=fleet: all(worker.is_ready for worker in fleet.workers), 120)
            found = rate(fleet.services[0].port, body, 2 * workers, seconds)
        one = one or found
        print(f"| {workers} | {found:.2f} | {found / one:.2f} | {found * SLEEP / workers:.0%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50, help="calls one at a time")
    parser.add_argument("--seconds", type=float, default=15, help="length of each load")
    parser.add_argument("--only-scaling", action="store_true", help="leave out what needs the real model")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {available_cpus()} CPUs, Python {platform.python_version()}; photos of 1024×1024\n")
    if not arguments.only_scaling:
        compare(arguments.runs, arguments.seconds)
    scale(arguments.seconds)


if __name__ == "__main__":
    main()
