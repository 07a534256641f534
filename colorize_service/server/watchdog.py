"""Clients that keep a thread waiting: each is watched while it does, and cut off if it stops or is too slow.

A socket's own timeout would not do: it bounds one ``recv`` or ``send``, and a client that sends or takes a byte a
second passes it. What the kernel tells of a connection is used where there is such a thing (Linux, TCP); elsewhere only
time counts, and how an answer is taken is not watched.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
import threading
import time
from typing import Protocol

#: Bytes a second that a client has to send, or to take, on average once it had some seconds to begin.
LEAST_RATE = 500
#: Seconds that it may take to begin to send a body.
GRACE = 10.0
#: Seconds in which nobody is called slow or idle.
YOUNG = 0.5

# struct tcp_info of linux/tcp.h: tcpi_bytes_acked and, after it, tcpi_bytes_received, 64 bits each.
_BYTES = struct.Struct("=QQ")
_BYTES_AT = 120


class Watched(Protocol):
    """What the watchdog looks at."""

    def check(self, now: float) -> None:
        """Cut it off if it is time to; ``now`` is of :func:`time.monotonic`."""

    def rate(self, now: float) -> float | None:
        """Bytes a second so far; None where nobody waits for this client, or has not for long."""

    def cut(self) -> None:
        """Wake the thread that waits for this client; the connection is of no use after that."""


class _Watchdog:
    """One thread of the process, running only while somebody is watched, looks at all of them twice a second."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._lock = threading.Lock()
        self._running = False
        self._cut = 0.0

    def add(self, watched: Watched) -> None:
        with self._lock:
            self._watched.add(watched)
            if not self._running:
                threading.Thread(target=self._run, name="watchdog", daemon=True).start()
                self._running = True

    def remove(self, watched: Watched) -> None:
        with self._lock:
            self._watched.discard(watched)

    def cut_slowest(self, count: int) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._cut < 0.25:  # what was cut off then may not have ended yet
                return
            self._cut = now
            rates = [(rate, each) for each in self._watched if (rate := each.rate(now)) is not None]
            for _, each in sorted(rates, key=lambda one: one[0])[:count]:
                each.cut()

    def _run(self) -> None:
        while True:
            time.sleep(0.5)
            with self._lock:
                if not self._watched:
                    self._running = False
                    return
                now = time.monotonic()
                for watched in self._watched:
                    watched.check(now)


_watchdog = _Watchdog()


def cut_slowest(count: int) -> None:
    """Cut off so many of the clients that keep a thread waiting, those that send or take least in a second first."""
    _watchdog.cut_slowest(count)


class Deadline:
    """A time within which a client has to send something, and the least rate at which it has to.

    Args:
        client: its socket; None if there is none, and nothing is watched.
        seconds: for all of it.
        how: which side of the socket is shut down after that.
        least_rate: bytes a second, on average, once :data:`GRACE` is over.
    """

    def __init__(
        self, client: socket.socket | None, seconds: float, how: int = socket.SHUT_RD, least_rate: float = 0.0
    ):
        self.expired = False
        self._socket, self._seconds, self._how, self._least_rate = client, seconds, how, least_rate
        self._since: float | None = None
        self._from: int | None = None

    def start(self) -> None:
        """Watch the socket until :meth:`cancel`; the clock runs from the first start on."""
        if self._socket is not None:
            if self._since is None:
                self._since, self._from = time.monotonic(), _received(self._socket)
            _watchdog.add(self)

    def cancel(self) -> None:
        """Watch it no more."""
        _watchdog.remove(self)

    def check(self, now: float) -> None:
        """See :class:`Watched`."""
        if self._since is None or self.expired:
            return
        lasted = now - self._since
        if lasted >= self._seconds or (lasted > GRACE and self._so_far(lasted) < self._least_rate):
            self.cut()

    def rate(self, now: float) -> float | None:
        """See :class:`Watched`."""
        lasted = now - (self._since or now)
        return None if self.expired or lasted < YOUNG else self._so_far(lasted)

    def cut(self) -> None:
        """See :class:`Watched`."""
        self.expired = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed in the meantime
                self._socket.shutdown(self._how)

    def _so_far(self, lasted: float) -> float:
        received = _received(self._socket) if self._socket is not None else None
        return float("inf") if received is None or self._from is None else (received - self._from) / lasted


class Taking:
    """How a client takes what it is sent.

    It is cut off if it takes nothing for ``seconds``, or in the long run less than :data:`LEAST_RATE`. A slow one is
    not: with a small receive buffer a reader of 1 kB/s tells of its progress once a minute.
    """

    def __init__(self, client: socket.socket, seconds: float):
        self._socket, self._seconds = client, seconds
        self._since: float | None = None  # something has been on its way since
        self._moved = 0.0
        self._is_cut = False
        self._from = self._taken = 0

    def start(self) -> None:
        """Watch the socket until :meth:`cancel`."""
        _watchdog.add(self)

    def cancel(self) -> None:
        """Watch it no more."""
        _watchdog.remove(self)

    def check(self, now: float) -> None:
        """See :class:`Watched`."""
        taken = _taken_of_what_waits(self._socket)
        if taken is None:
            self._since = None
            return
        if self._since is None:
            self._since, self._from = now, taken
        if taken != self._taken:
            self._taken, self._moved = taken, now
        too_slow = now - self._since > self._seconds + (taken - self._from) / LEAST_RATE
        if too_slow or now - self._moved > self._seconds:
            self.cut()

    def rate(self, now: float) -> float | None:
        """See :class:`Watched`."""
        if self._since is None or now - self._since < YOUNG or self._is_cut:
            return None
        return (self._taken - self._from) / (now - self._since)

    def cut(self) -> None:
        """See :class:`Watched`."""
        self._is_cut = True
        with contextlib.suppress(OSError):  # closed in the meantime
            # What has not been taken is thrown away instead of being kept by the kernel.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.shutdown(socket.SHUT_RDWR)


def _bytes(client: socket.socket) -> tuple[int, int] | None:
    """How many bytes the client has acknowledged, and how many have come from it."""
    try:
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_AT + _BYTES.size)
        acknowledged, received = _BYTES.unpack_from(info, _BYTES_AT)
    except (OSError, AttributeError, struct.error):  # closed, no TCP, or a system without it
        return None
    return acknowledged, received


def _received(client: socket.socket) -> int | None:
    counts = _bytes(client)
    return counts and counts[1]


def _taken_of_what_waits(client: socket.socket) -> int | None:
    """How many bytes the client has acknowledged; None if it has all that was sent."""
    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):
        return None
    counts = _bytes(client) if waiting else None
    return counts and counts[0]
