"""``python -m benchmarks.hostile``: what others notice of 200 slow clients of each kind, and of all kinds together.

Printed are how long ``/health`` takes and how long a photo does while they are there; the first row, without any, is
the floor.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import requests

from benchmarks.load import photo
from tests.support.service import Service
from tests.support.slow_clients import SLOW, hostile

MB = 2**20


def seconds(call: Callable[[], requests.Response]) -> float:
    """How long an answer takes; it has to be 200."""
    started = time.perf_counter()
    call().raise_for_status()
    return time.perf_counter() - started


def measure(service: Service, kinds: list[str], count: int, asks: int) -> str:
    """A row of the table."""
    worker = psutil.Process(service.pid).children()[0]
    small, large = photo(512, 512), photo(4000, 3000)
    with hostile(service.url, kinds, count, large) if kinds else contextlib.nullcontext():
        time.sleep(1)
        health = [seconds(lambda: requests.get(f"{service.url}/health", timeout=60)) for _ in range(asks)]
        photos = [
            seconds(lambda: requests.post(f"{service.url}/colorize", files={"file": small}, timeout=60))
            for _ in range(asks // 20)
        ]
        threads, memory = worker.num_threads(), worker.memory_info().rss / MB
    name = "all of them" if len(kinds) > 1 else f"{count} that {kinds[0]}" if kinds else "none"
    return (
        f"| {name} | {statistics.median(health) * 1e3:.1f} | {np.percentile(health, 99) * 1e3:.1f} | "
        f"{max(photos) * 1e3:.0f} | {threads} | {memory:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200, help="of each kind")
    parser.add_argument("--asks", type=int, default=300, help="requests for /health")
    arguments = parser.parse_args()
    print(
        "| slow clients | /health median ms | 99 % ms | slowest photo ms | threads | MB resident |\n"
        "|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder), HEADER_TIMEOUT=60) as service:
        for kinds in ([], *([kind] for kind in SLOW), list(SLOW), []):
            print(measure(service, kinds, arguments.clients, arguments.asks), flush=True)


if __name__ == "__main__":
    main()
