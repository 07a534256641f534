"""Gunicorn's threaded worker, with what the contract asks of it beyond WSGI.

The one place that knows names of Gunicorn that are not its public interface: ``gthread``'s ``TConn`` and ``_DEFER``,
and in ``util`` ``write_error``, ``write_nonblock`` and ``close_graceful``.
"""

import contextlib
import json
import socket
from typing import cast

from gunicorn import util
from gunicorn.http.message import Request
from gunicorn.workers import gthread

from colorize_service.server.connection import Deadline


def prepare() -> None:
    """Have Gunicorn answer in JSON what it refuses itself. Once in a server, before it has workers.

    Raises:
        RuntimeError: if this release of Gunicorn has no such function, so that ours would stay unused without a word.
    """
    if not hasattr(util, "write_error"):
        raise RuntimeError("This release of Gunicorn writes errors in a way that this service does not know.")
    util.write_error = _write_json_error  # type: ignore[assignment]  # its parameters have other names


def _write_json_error(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what Gunicorn refuses before the application sees it (a malformed request line, a header that is too
    long), in the form of every other error instead of an HTML page."""
    body = json.dumps({"detail": message or reason}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(client, head.encode("latin-1") + body)


class _Connection(gthread.TConn):
    header_deadline: Deadline


class Worker(gthread.ThreadWorker):
    """A :class:`gthread.ThreadWorker` whose threads cannot be held by clients that connect and do not ask.

    ``header_timeout`` (seconds) bounds the time from a request's first byte to the end of its headers.
    """

    # Milliseconds that a client may go without acknowledging what it is sent; see tcp(7).
    send_timeout = 10_000

    header_timeout = 10.0

    def handle(self, conn: gthread.TConn) -> bool:
        # Gunicorn would wait here, in a thread, for the first byte; its event loop can do that for all connections.
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(0):
            return cast(bool, gthread._DEFER)  # type: ignore[attr-defined]
        with contextlib.suppress(OSError, AttributeError):  # no such option on this system, or no TCP
            conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self.send_timeout)
        deadline = Deadline(conn.sock, self.header_timeout, socket.SHUT_RDWR)
        cast(_Connection, conn).header_deadline = deadline
        deadline.start()
        try:
            keep = super().handle(conn)
        finally:
            deadline.cancel()
        if not keep:
            # Gunicorn's event loop would wait here, up to two seconds, until this client hangs up; and all others with
            # it. The socket itself stays the event loop's to close.
            with contextlib.suppress(OSError):
                util.close_graceful(conn.sock.dup())
                conn.sock.shutdown(socket.SHUT_RD)
        return keep

    def handle_request(self, req: Request, conn: gthread.TConn) -> bool:
        cast(_Connection, conn).header_deadline.cancel()
        return super().handle_request(req, conn)
