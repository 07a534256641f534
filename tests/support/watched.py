"""The running service and what its worker takes, compared with the rows of tests/support/limits.py."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import requests

from colorize_service.server.settings import Settings
from tests.support.key_server import PROJECT, KeyServer
from tests.support.limits import ROWS
from tests.support.service import Service, wait_until

MB = 2**20
SIZE = 2000, 1500
SETTINGS = {
    "MAX_PIXELS": SIZE[0] * SIZE[1],
    "MAX_UPLOAD_BYTES": 2 * MB,
    "MAX_HELD_BYTES": 32 * MB,
    "CONNECTIONS": 200,
    "MAX_IN_WORK": 2,
    "HEADER_TIMEOUT": 2,
    "KEEPALIVE": 2,
    "BODY_TIMEOUT": 4,
    "SEND_TIMEOUT": 2,
}
#: MB that the heap and the counters of the service itself may grow meanwhile.
SLACK = 5


class Watched:
    """The service's worker: what it takes within a ``with`` block."""

    def __init__(self, service: Service, keys: KeyServer):
        self.service, self.keys, self.url = service, keys, service.url
        (self.worker,) = psutil.Process(service.pid).children()
        self.settings = Settings(app_check=False, **{name.lower(): value for name, value in SETTINGS.items()})

    def memory(self, what: str) -> float:
        status = Path(f"/proc/{self.worker.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) / 1024

    def disk(self) -> float:
        files = (path.stat().st_size for path in self.service.storage.rglob("*") if path.is_file())
        return (sum(files) + self.service.log_path.stat().st_size) / MB

    def seconds(self) -> float:
        times = self.worker.cpu_times()
        return times.user + times.system

    @contextlib.contextmanager
    def keeps(self, name: str, count: int = 1, sent: float = 0.0) -> Iterator[None]:
        """The requests within the block, ``count`` of this row, of ``sent`` MB each, keep to its figures."""
        row, worker = ROWS[name], self.worker
        wait_until(lambda: self.service.connections == 0, 30)
        Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
        memory, cpu, disk = self.memory("VmRSS"), self.seconds(), self.disk()
        held, over = [(worker.num_threads(), worker.num_fds())], threading.Event()

        def look() -> None:
            while not over.wait(0.01):
                held.append((worker.num_threads(), worker.num_fds()))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()
        took = {
            "memory": self.memory("VmHWM") - memory - SLACK,
            "cpu": self.seconds() - cpu,
            "threads": max(held)[0] - held[0][0] - self.settings.threads,
            "files": max(files for _, files in held) - held[0][1],
            "disk": self.disk() - disk,
        }
        may = {
            "memory": row.memory.value(self.settings, sent),
            "cpu": row.cpu.value(self.settings, sent),
            "threads": row.threads,
            "files": row.files,
            "disk": row.disk.value(self.settings),
        }
        assert not {what for what in took if took[what] > count * may[what]}, (count, took, may)

    def connect(self, request: bytes = b"", buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(40)
        client.connect(("127.0.0.1", self.service.port))
        client.sendall(request)
        return client

    def head(self, path: bytes, length: int, token: str | None = None) -> bytes:
        """The headers of a form with a good token, or with this one."""
        sent = (self.keys.token() if token is None else token).encode()
        return (
            b"POST %s HTTP/1.1\r\nHost: x\r\nX-Firebase-AppCheck: %s\r\nContent-Length: %d\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" % (path, sent, length)
        )

    def post(self, path: str, body: bytes, more: dict[str, str] = {}) -> requests.Response:  # noqa: B006  is not changed
        headers = {"X-Firebase-AppCheck": self.keys.token(), "Content-Type": "multipart/form-data; boundary=x"}
        return requests.post(self.url + path, data=body, headers=headers | more, timeout=60)

    def seconds_until_hung_up(self, clients: list[socket.socket]) -> float:
        began = time.monotonic()
        for client in clients:
            with contextlib.suppress(ConnectionError):
                while client.recv(100_000):
                    pass
        return time.monotonic() - began


def start(running: Callable[..., Service], keys: KeyServer, **settings: object) -> Watched:
    """A service of its own, which has answered nobody."""
    app_check = {"APP_CHECK": "on", "FIREBASE_PROJECT_ID": PROJECT, "APP_CHECK_JWKS_URL": keys.url}
    return Watched(running(**SETTINGS | app_check | settings), keys)


def field(name: str, content: bytes, more: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), more, content)


def form(**fields: bytes) -> bytes:
    return b"".join(field(name, content) for name, content in fields.items()) + b"--x--\r\n"


def at_once(count: int, call: Callable[[], object]) -> list:
    with ThreadPoolExecutor(count) as clients:
        return [each.result() for each in [clients.submit(call) for _ in range(count)]]
