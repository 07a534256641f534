"""Gunicorn's threaded worker, with what the contract asks of it beyond WSGI.

Of Gunicorn's names that are not its public interface it uses ``gthread``'s ``TConn`` and its lists of connections, and
overrides what is called for each of them, and ``util.close_graceful``.
"""

import contextlib
import functools
import itertools
import resource
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from gunicorn import util
from gunicorn.http.message import Request
from gunicorn.workers import gthread

from colorize_service.server.connection import ExpectedBody
from colorize_service.server.gunicorn_request import LimitedRequest
from colorize_service.server.watchdog import YOUNG, Deadline, Taking, cut_slowest

_FILES = 128  # that a worker has open without clients
_FILES_OF_A_CLIENT = 3


def most_connections(wanted: int) -> int:
    """How many connections a worker may hold of those wanted; lets this process open the files that they take.

    Fewer where the system allows too few files: at that limit itself the worker would end.
    """
    files = _FILES + wanted * _FILES_OF_A_CLIENT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(10, min(wanted, (soft - _FILES) // _FILES_OF_A_CLIENT))
    return wanted


class _Threads(ThreadPoolExecutor):
    """Keeps so many threads. While all of them wait, for slow clients or with photos, each further call has a thread
    that ends with it: there may be as many as connections."""

    def __init__(self, threads: int):
        super().__init__(threads, "request")
        self._free = threading.Semaphore(threads)

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if self._free.acquire(blocking=False):
            future = super().submit(call, *args, **kwargs)
            future.add_done_callback(lambda _: self._free.release())
            return future
        future = Future()
        try:
            threading.Thread(target=_run, args=(future, call, args, kwargs), name="request-more", daemon=True).start()
        except RuntimeError:  # the system allows no more: wait for one of those that are kept
            return super().submit(call, *args, **kwargs)
        return future


def _run(future: "Future[Any]", call: Callable[..., Any], args: Iterable[Any], kwargs: dict[str, Any]) -> None:
    try:
        future.set_result(call(*args, **kwargs))
    except BaseException as error:  # as an executor does
        future.set_exception(error)


def _need_no_more(head: bytes, most: int) -> bool:
    """Whether Gunicorn can judge these headers as they are: whole, longer than any may be, or not in its lines."""
    return b"\r\n\r\n" in head or len(head) >= most or head.count(b"\n") != head.count(b"\r\n")


class _Connection(gthread.TConn):
    header_deadline: Deadline
    wakes_at: int  # bytes that have to wait before the event loop hears of them


class Worker(gthread.ThreadWorker):
    """A :class:`gthread.ThreadWorker` that clients cannot hold up by connecting, asking slowly or taking slowly.

    A request gets a thread when its headers are there; until then it waits in the event loop, as idle connections do.

    Attributes:
        header_timeout: seconds from the connection, or from a further request's first byte, to the end of its headers.
        send_timeout: seconds that a client may go without taking anything of its answer.
    """

    header_timeout = 10.0
    send_timeout = 120.0

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return _Threads(self.cfg.threads)

    # In the event loop

    def enqueue_req(self, conn: gthread.TConn) -> None:
        if conn.data_ready or self._headers_are_there(conn):
            conn.data_ready = True
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (self.header_timeout if self.alive else 2.0)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, functools.partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: gthread.TConn, client: socket.socket) -> None:
        if self._headers_are_there(conn):
            super().on_pending_socket_readable(conn, client)

    def _headers_are_there(self, conn: gthread.TConn) -> bool:
        """Whether a thread would not have to wait for them: they have come, are refused anyway, or never will come.

        They stay in the kernel's buffer, and the event loop is not woken before there is more than there is now.
        """
        if self.cfg.is_ssl:
            return True  # only a thread can decrypt them
        read_before: bytes = cast(Any, conn.parser).unreader.buf.getvalue() if conn.parser else b""
        most = self.cfg.limit_request_line + LimitedRequest.limits.bytes + 8
        try:
            waiting = conn.sock.recv(most, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return _need_no_more(read_before, most)
        except OSError:
            return True  # for the thread to find out
        wakes_at = getattr(conn, "wakes_at", 1)
        there = len(waiting) < wakes_at or _need_no_more(read_before + waiting, most)
        wake_at = 1 if there else len(waiting) + 1
        if wake_at != wakes_at:
            cast(_Connection, conn).wakes_at = wake_at
            with contextlib.suppress(OSError):
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wake_at)
        return there

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        super().wait_for_and_dispatch_events(0.25 if self._too_many() > 0 else timeout)

    def murder_keepalived(self, force: bool = False) -> None:
        too_many = self._too_many()
        if too_many > 0:
            idle = list(itertools.islice(self._idle_for(YOUNG), self.worker_connections // 4 + 1))
            for conn in idle:
                conn.timeout = 0.0
            cut_slowest(too_many - len(idle))
        super().murder_keepalived(force)  # type: ignore[call-arg]

    def _too_many(self) -> int:
        """How many connections are to give way.

        Some room is kept: a worker that holds all it may accepts no more, and would not hear of anybody.
        """
        return self.nr_conns - self.worker_connections + 1 + self.worker_connections // 20

    def _idle_for(self, seconds: float) -> Iterator[gthread.TConn]:
        """Connections without a thread for at least that long, the oldest of each kind first."""
        since = time.monotonic() - seconds
        kinds = (self.pending_conns, self.header_timeout), (self.keepalived_conns, self.cfg.keepalive)
        for connections, lasting in kinds:
            yield from itertools.takewhile(lambda conn: (conn.timeout or 0.0) - lasting < since, connections)  # noqa: B023

    def _cap_keepalive(self, deadline: float) -> None:
        # A stopping worker would wait all their time for clients that have not asked anything yet.
        super()._cap_keepalive(deadline)  # type: ignore[misc]
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout or deadline, deadline)

    # In a request's thread

    def handle(self, conn: gthread.TConn) -> bool:
        taking = Taking(conn.sock, self.send_timeout)
        deadline = Deadline(conn.sock, self.header_timeout, socket.SHUT_RDWR)
        cast(_Connection, conn).header_deadline = deadline
        deadline.start()
        taking.start()
        try:
            keep = super().handle(conn)
        finally:
            deadline.cancel()
            taking.cancel()
            conn.data_ready = False  # for the next request
        if not keep:
            # Gunicorn's event loop would wait here, up to two seconds, until this client hangs up; and all others with
            # it. The socket itself stays the event loop's to close.
            with contextlib.suppress(OSError):
                util.close_graceful(conn.sock.dup(), timeout=2.0 if self._too_many() <= 0 else 0.1)
                conn.sock.shutdown(socket.SHUT_RD)
        return keep

    def handle_request(self, req: Request, conn: gthread.TConn) -> bool:
        cast(_Connection, conn).header_deadline.cancel()
        asking: Any = req  # mypy's stubs do not know all of it
        if not asking._expected_100_continue:
            return super().handle_request(req, conn)
        # Gunicorn would ask for the body before anybody has looked at the token.
        asking._expected_100_continue = False
        plain, asking.body = asking.body, ExpectedBody(asking.body, conn.sock)
        keep = super().handle_request(req, conn)
        asked, asking.body = asking.body.asked, plain
        return keep and asked  # what has not been asked for may come or not
