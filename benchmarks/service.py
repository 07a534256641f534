"""``python -m benchmarks.service``: the running service against its floor, on this machine.

Time and processor time of ``POST /colorize`` one at a time, photos a second and processor time of a photo with 8
clients, peak memory, memory over 500 photos, and how fast ``/health`` answers meanwhile. The service is the real
Gunicorn with gunicorn.conf.py and default settings; its processor time is that of all its processes.
"""

import argparse
import platform
import statistics
import tempfile
from pathlib import Path

import numpy as np
import psutil

from benchmarks import floor
from benchmarks.load import Client, cpu_seconds, form, photo, under_load
from colorize_service.process import available_cpus
from colorize_service.server.settings import Settings
from tests.support.service import Service

SIZES = [(512, 512), (1024, 1024), (2048, 2048), (4000, 3000)]
MB = 2**20


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
    cpu = cpu_seconds(service.pid)
    for _ in range(runs):  # in turns, so that a change of the machine's speed meets both
        times.append(client.colorize(body))
        floors.append(bare())
    cpu = (cpu_seconds(service.pid) - cpu) / runs
    load = under_load(service.port, service.pid, [body], duration, watch=True)
    peak = memory.peak() - idle
    best = floor.photos_per_second(jpeg, quality, threads, duration / 2)
    median, least = statistics.median(times), statistics.median(each.seconds for each in floors)
    floor_cpu = statistics.mean(each.cpu for each in floors)
    print(
        f"| {size[0]}×{size[1]} | {median * 1e3:.0f} | {np.percentile(times, 95) * 1e3:.0f} | {least * 1e3:.0f} | "
        f"{median / least:.2f} | {cpu * 1e3:.0f} | {floor_cpu * 1e3:.0f} | {load.rate:.1f} | {best.rate:.1f} | "
        f"{load.cpu * 1e3:.0f} | {best.cpu * 1e3:.0f} | {peak / MB:.0f} |",
        flush=True,
    )
    return load.health


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
            "| photo | median ms | 95 % ms | floor ms | times floor | CPU ms | floor CPU ms | 8 clients: photos/s | "
            "floor photos/s | CPU ms | floor CPU ms | MB over idle |"
        )
        print(f"|{12 * '---|'}")
        health: list[float] = []
        for size in SIZES:
            health += measure_size(service, size, idle, arguments.runs, arguments.seconds)
        print(
            f"\n/health with 8 clients posting without pause: median {statistics.median(health) * 1e3:.1f} ms, "
            f"99 % {np.percentile(health, 99) * 1e3:.1f} ms, of {len(health)}."
        )
        sizes = [(320 + 97 * i % 1700, 240 + 61 * i % 1500) for i in range(23)]
        bodies = [form(photo(*size)) for size in sizes]
        first = arguments.photos // 5
        under_load(service.port, service.pid, bodies, 0, first)
        after_first = memory.now()
        under_load(service.port, service.pid, bodies, 0, arguments.photos - first)
        print(
            f"Memory after {first} mixed photos {after_first / MB:.0f} MB, after {arguments.photos} "
            f"{memory.now() / MB:.0f} MB."
        )


if __name__ == "__main__":
    main()
