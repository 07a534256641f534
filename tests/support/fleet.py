"""A fleet: API processes and workers as an operator starts them, on one broker and one store."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.support.brokers import RedisServer
from tests.support.service import ROOT, Service, free_port, wait_until


class Worker:
    """``colorize worker``, in a process of its own.

    Attributes:
        figures: where Prometheus reads its figures.
    """

    def __init__(self, folder: Path, module: tuple[str, ...] = ("colorize_service.cli", "worker"), **settings: object):
        """
        Args:
            module: what Python runs, and its arguments.
        """
        self.log_path = folder / "worker.log"
        self._module = module
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        self.figures = f"http://127.0.0.1:{(port := free_port())}/metrics"
        values = {"TMPDIR": folder, "METRICS_PORT": port, **settings}
        self._environment = inherited | {name: str(value) for name, value in values.items()}
        self.process: subprocess.Popen | None = None

    def start(self, wait: bool = True) -> "Worker":
        """Start it, and wait until it takes photos."""
        ready = self.log().count("Ready: takes")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._module],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            wait_until(lambda: self.log().count("Ready: takes") > ready, 60, self.log)
        return self

    def stop(self) -> int:
        """Stop it as an operator does and wait for its end; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """End it at once."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=60)

    @property
    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def log(self) -> str:
        """All that it has logged."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class Fleet:
    """``with Fleet(folder, NAME="value", …) as fleet``: two API processes and two workers.

    Attributes:
        services, workers: those.
        storage: the folder that they share.
    """

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        worker: tuple[str, ...] | None = None,
        replicas: int = 2,
        **settings: object,
    ):
        """
        Args:
            replicas: API processes.
            worker: what Python runs for a worker, if not ``colorize worker``.
        """
        self.storage = folder / "store"
        common = {"BROKER_URL": broker_url, "STORAGE_DIR": self.storage, "ONNX_THREADS": 1, **settings}
        self.services, self.workers = [], []
        for number in range(2):
            place = folder / f"machine{number}"
            place.mkdir()
            if number < replicas:
                self.services.append(Service(place, **common))
            self.workers.append(Worker(place, *([worker] if worker else []), **common))

    def start(self) -> Self:
        """Start all, and wait until photos are taken."""
        for worker in self.workers:
            worker.start(wait=False)
        for service in self.services:
            service.start(wait_for_model=False)
        for service in self.services:
            wait_until(lambda service=service: service._listens(True), 60, self.log)
        return self

    @property
    def inbox(self) -> list[Path]:
        """The photos that wait in the store."""
        return [path for path in (self.storage / "inbox").rglob("*") if path.is_file()]

    def log(self) -> str:
        """All that all of them have logged."""
        return "".join(each.log() for each in (*self.services, *self.workers))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self.__exit__)
            self.start()
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self.workers, *self.services):
            each.kill()


def redis_fleet(stack: contextlib.ExitStack, folder: Path, **settings: object) -> tuple[RedisServer, Fleet]:
    """A fleet on a Redis of its own; both end with the stack."""
    place = folder / "redis"
    place.mkdir()
    broker = stack.enter_context(RedisServer(place))
    return broker, stack.enter_context(Fleet(folder, broker.url, **settings))
