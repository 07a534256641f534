"""Servers that are measured beside each other, each in processes of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.load import Client, cpu_seconds
from tests.support.service import ROOT, free_port

SECONDS_TO_START = 120


class Server:
    """``with Server(…) as server``: it runs within the block, from when it answers.

    Attributes:
        name: what the table calls it.
        port: of the loopback interface.
        pid: of its first process.
    """

    def __init__(self, name: str, command: list[str], folder: Path, cwd: Path, ready: str):
        """
        Args:
            command: arguments of Python; ``{port}`` stands for the port.
            folder: takes its results and its log.
            cwd: the folder that it runs in, and whose packages it imports.
            ready: a path that answers 200 once it can work.
        """
        self.name, self.port, self._ready = name, free_port(), ready
        self._log = folder / "server.log"
        self._cwd = cwd
        self._command = [sys.executable, *(part.format(port=self.port) for part in command)]
        settings = {"HOST": "127.0.0.1", "PORT": str(self.port), "STORAGE_DIR": str(folder / "storage")}
        self._environment = {**os.environ, **settings, "APP_CHECK": "off", "TMPDIR": str(folder)}

    def __enter__(self) -> Self:
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._cwd, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self._process.pid
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} does not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            Client(self.port).answer("GET", self._ready)
        except (OSError, RuntimeError):  # nobody listens yet, or says 503
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and all that it has started."""
        processes = psutil.Process(self.pid).children(recursive=True) if self._process.poll() is None else []
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in processes:
            if process.is_running():
                process.send_signal(signal.SIGKILL)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes until now."""
        return cpu_seconds(self.pid)

    def memory(self) -> int:
        """Resident memory of all its processes but the first, or of that one if it is alone, in bytes."""
        processes = psutil.Process(self.pid).children(recursive=True) or [psutil.Process(self.pid)]
        return sum(process.memory_info().rss for process in processes)


def colorize(folder: Path, name: str = "Colorize", checkout: Path = ROOT) -> Server:
    """The service with its default settings, of this checkout or another one."""
    return Server(name, ["-m", "gunicorn"], folder, checkout, "/health")


def fastapi(folder: Path) -> Server:
    """The same model behind FastAPI."""
    command = ["-m", "benchmarks.alternatives.fastapi_app", "{port}", str(folder)]
    return Server("FastAPI", command, folder, ROOT, "/openapi.json")


def litserve(folder: Path) -> Server:
    """The same model behind LitServe."""
    command = ["-m", "benchmarks.alternatives.litserve_app", "{port}", str(folder)]
    return Server("LitServe", command, folder, ROOT, "/health")
