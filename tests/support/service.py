"""The real service in a process of its own, as an operator starts it: Gunicorn with gunicorn.conf.py."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES: set[str] = set()  # of the services that were made, and of nginx in front of them


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def names_in(folder: Path) -> list[str]:
    """The names of the files in it, at any depth."""
    return [path.name for path in folder.rglob("*") if path.is_file()]


class Service:
    """``with Service(folder, NAME="value", …) as service``: the settings are the environment's own.

    ``folder`` takes the stored pictures and the log. ``allowed`` is false while a test runs that is not marked
    ``server``; see tests/support/needs.py.
    """

    allowed = True
    wrapper: Sequence[str] = ()  # a command that runs the service's

    def __init__(self, folder: Path, **settings: object):
        self.folder = folder
        self.storage = folder / "storage"
        self.log_path = folder / "service.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ADDRESSES.add(f"{self.url}/")
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        self._environment = (
            inherited
            | {
                "HOST": "127.0.0.1",
                "PORT": str(self.port),
                "STORAGE_DIR": str(self.storage),
                "TMPDIR": str(folder),
                "APP_CHECK": "off",
                "METRICS_PORT": str(self.port),  # tests that run at the same time would share the usual one
            }
            | {name: str(value) for name, value in settings.items()}
        )
        self.process: subprocess.Popen | None = None

    def start(self, wait_for_model: bool = True) -> "Service":
        """Start it and wait until it listens, and by default until its model is loaded."""
        assert self.allowed, "a test that starts the service is marked so; see tests/support/needs.py"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, sys.executable, "-m", "gunicorn"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._listens(wait_for_model), 120, self.log)  # a busy machine is no failure
        except BaseException:
            self.kill()
            raise
        return self

    def _listens(self, wait_for_model: bool) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the service ended with {self.process.returncode}\n{self.log()}")
        try:
            status = requests.get(f"{self.url}/health", timeout=30).status_code
        except requests.RequestException:
            return False
        return status == 200 or not wait_for_model

    def stop(self) -> None:
        """Stop it as an operator does and wait for its end."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def kill(self) -> None:
        """End it and its workers at once."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=60)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the ``with`` block it keeps its connections and answers nobody."""
        workers = psutil.Process(self.process.pid).children()
        for worker in workers:
            worker.suspend()
        try:
            yield
        finally:
            for worker in workers:
                worker.resume()

    @property
    def connections(self) -> int:
        """How many clients are connected to its workers."""
        workers = psutil.Process(self.process.pid).children()
        sockets = (each for worker in workers for each in worker.net_connections("tcp"))
        return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == self.port for each in sockets)

    @property
    def pid(self) -> int:
        """The process id of Gunicorn's master.

        Raises:
            AssertionError: if it has not been started.
        """
        assert self.process is not None, "the service has not been started"
        return self.process.pid

    def stored(self, collection: str) -> list[str]:
        """The names of the files of a collection."""
        return names_in(self.storage / collection)

    def log(self) -> str:
        """All that it has logged."""
        return self.log_path.read_text(errors="replace")

    def __enter__(self) -> "Service":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_until(condition, seconds: float, explain=lambda: "") -> None:
    """Poll until ``condition()`` is true; fail after ``seconds``, in CI after three times that: it may be busy."""
    seconds *= 3 if os.environ.get("CI") else 1
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {explain()}")
        time.sleep(0.05)
