"""Clients that are slow on purpose, many at once."""

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator

import requests

POST = (
    b"POST /colorize HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
)


def connect(url: str, buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(20)
    client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    return client


def stored(url: str, photo: bytes) -> bytes:
    """A request for it."""
    answer = requests.post(f"{url}/upload", files={"file": photo}, timeout=60)
    path = answer.json()["image_url"].removeprefix(url)
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


SLOW = {
    "say nothing": b"",
    "never end their headers": b"GET /he",
    "never end their further headers": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
    "never send their body": POST,
    "trickle their body": POST + b"--x\r\n",
    "send a body that is not read": b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
    "stay after their answer": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "do not take what they asked for": None,
}


@contextlib.contextmanager
def hostile(url: str, kinds: list[str], count: int, file: bytes) -> Iterator[list[socket.socket]]:
    """So many slow clients of each kind, for the time of the ``with`` block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    over = threading.Event()

    def trickle(clients: list[socket.socket]) -> None:
        while not over.wait(0.5):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(b"-")

    with contextlib.ExitStack() as stack:
        clients = []
        for kind in kinds:
            asks = SLOW[kind] if SLOW[kind] is not None else stored(url, file)
            mine = [stack.enter_context(connect(url, 4096)) for _ in range(count)]
            clients += mine
            for client in mine:
                with contextlib.suppress(OSError):  # it may have had to give way already
                    client.sendall(asks)
            if kind.startswith("trickle"):
                thread = threading.Thread(target=trickle, args=(mine,))
                thread.start()
                stack.callback(thread.join)
        stack.callback(over.set)
        yield clients
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
