"""A fleet whose workers are those of tests/support/odd_worker.py."""

import time
from pathlib import Path

import numpy as np
import requests
from PIL import Image

from tests.conftest import encode
from tests.support.brokers import RedisServer
from tests.support.fleet import Fleet, Worker
from tests.support.odd_worker import gate
from tests.support.service import wait_until

#: What Python runs for such a worker.
ODD = ("tests.support.odd_worker",)


def gray(level: int) -> bytes:
    """A photo of one gray."""
    return encode(Image.fromarray(np.full((64, 64), level, np.uint8)), "PNG")


class Running:
    """A fleet of two API processes and two workers, whose models do odd things; each has one in work at a time."""

    def __init__(self, fleet: Fleet, broker: RedisServer, seen: Path):
        self.fleet, self.broker, self._seen = fleet, broker, seen
        self.board = broker.client()
        self.urls = [service.url for service in fleet.services]

    def hold(self) -> None:
        """Let photos that are slow come to no end."""
        gate(self._seen).unlink(missing_ok=True)

    def release(self) -> None:
        """Let photos that are slow come to their end."""
        gate(self._seen).touch()

    def seen(self, level: int) -> int:
        """How often a model has seen a photo of this gray."""
        return [line.split()[1] for line in self._seen.read_text().splitlines()].count(str(level))

    def in_work(self) -> list[str]:
        """The ids of the photos in work."""
        return [key.rpartition(":")[2] for key in self.board.keys("colorize:lease:*")]

    def waiting(self) -> int:
        """How many photos wait for a worker."""
        return self.board.zcount("colorize:line", time.time(), "inf")

    def holders(self) -> list[int]:
        """The process ids of the workers that have a photo in work."""
        keys = self.board.keys("colorize:lease:*")
        return [int(holder.split("-")[-2]) for holder in self.board.mget(keys) if holder] if keys else []

    def wait_for_work(self, count: int = 1) -> int:
        """Wait until so many photos are in work; a worker that has one."""
        wait_until(lambda: len(self.holders()) == count, 20, self.fleet.log)
        return self.holders()[0]

    def worker(self, pid: int) -> Worker:
        """The worker of this process id."""
        (found,) = [worker for worker in self.fleet.workers if worker.pid == pid]
        return found

    def results(self) -> int:
        """How many results are stored."""
        return len(self.fleet.stored("results"))

    def is_well(self) -> bool:
        """Whether all is there, and nothing is left of earlier photos."""
        healthy = all(requests.get(f"{url}/health", timeout=30).status_code == 200 for url in self.urls)
        ready = all(worker.is_ready for worker in self.fleet.workers)
        return healthy and ready and not self.board.keys("colorize:lease:*")
