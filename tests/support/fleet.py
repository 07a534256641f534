"""A fleet: API processes and workers as an operator starts them, on one broker and one store."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.support.brokers import RedisServer
from tests.support.buckets import JuiceFS
from tests.support.service import ROOT, Service, free_port, names_in, wait_until

_READY = "Ready: takes"


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
        self._starts = 1  # how often it says that it is ready until it is

    def start(self, wait: bool = True) -> "Worker":
        """Start it, and wait until it takes photos."""
        self._starts = self.log().count(_READY) + 1
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
            wait_until(lambda: self.is_ready, 60, self.log)
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
    def pid(self) -> int:
        """Its process id.

        Raises:
            AssertionError: if it has not been started.
        """
        assert self.process is not None, "the worker has not been started"
        return self.process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it takes photos, or has done so since it was started."""
        return self.log().count(_READY) >= self._starts

    @property
    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def log(self) -> str:
        """All that it has logged."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class Fleet:
    """``with Fleet(folder, NAME="value", …) as fleet``: API processes and workers, two of each unless told otherwise.

    Attributes:
        services, workers: those.
        bucket: the server of the store that they share; None: it is a folder.
    """

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        worker: tuple[str, ...] | None = None,
        replicas: int = 2,
        workers: int = 2,
        odd_machine: Mapping[str, object] | None = None,
        bucket: JuiceFS | None = None,
        **settings: object,
    ):
        """
        Args:
            worker: what Python runs for a worker, if not ``colorize worker``.
            replicas: API processes.
            odd_machine: further settings of the second API process and the second worker.
        """
        self.bucket, self._folder = bucket, folder / "store"
        store = {"STORAGE_DIR": self._folder} | (bucket.settings if bucket else {})
        common = {"BROKER_URL": broker_url, "ONNX_THREADS": 1, **store, **settings}
        self.services, self.workers = [], []
        for number in range(max(replicas, workers)):
            place = folder / f"machine{number}"
            place.mkdir()
            here = common | (odd_machine or {} if number == 1 else {})
            if number < replicas:
                self.services.append(Service(place, **here))
            if number < workers:
                self.workers.append(Worker(place, *([worker] if worker else []), **here))

    def start(self) -> Self:
        """Start all, and wait until photos are taken."""
        for worker in self.workers:
            worker.start(wait=False)
        for service in self.services:
            service.start(wait_for_model=False)
        for service in self.services:
            wait_until(lambda service=service: service._listens(True), 60, self.log)
        return self

    def stored(self, collection: str) -> list[str]:
        """The names of the files of a collection."""
        return self.bucket.names(collection) if self.bucket else names_in(self._folder / collection)

    @property
    def inbox(self) -> list[str]:
        """The photos that wait in the store."""
        return self.stored("inbox")

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
