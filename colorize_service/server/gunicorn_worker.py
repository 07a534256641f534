"""Gunicorn's threaded worker, with what the contract asks of it beyond WSGI."""

import contextlib
import json
import socket

from gunicorn import util
from gunicorn.workers import gthread

from colorize_service.server.connection import Deadline


def _write_json_error(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what Gunicorn refuses before the application sees it (a malformed request line, a header that is too
    long), in the form of every other error instead of an HTML page."""
    body = json.dumps({"detail": message or reason}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(client, head.encode("latin-1") + body)


util.write_error = _write_json_error


class Worker(gthread.ThreadWorker):
    """A :class:`gthread.ThreadWorker` whose threads cannot be held by clients that connect and do not ask.

    ``header_timeout`` (seconds) bounds the time from a request's first byte to the end of its headers.
    """

    # Milliseconds that a client may go without acknowledging what it is sent; see tcp(7).
    send_timeout = 10_000

    header_timeout = 10.0

    def handle(self, conn: gthread.TConn) -> object:
        # Gunicorn would wait here, in a thread, for the first byte; its event loop can do that for all connections.
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(0):
            return gthread._DEFER
        with contextlib.suppress(OSError, AttributeError):  # no such option on this system, or no TCP
            conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self.send_timeout)
        conn.header_deadline = Deadline(conn.sock, self.header_timeout, socket.SHUT_RDWR)
        conn.header_deadline.start()
        try:
            keep = super().handle(conn)
        finally:
            conn.header_deadline.cancel()
        if not keep:
            # Gunicorn's event loop would wait here, up to two seconds, until this client hangs up; and all others with
            # it. The socket itself stays the event loop's to close.
            with contextlib.suppress(OSError):
                util.close_graceful(conn.sock.dup())
                conn.sock.shutdown(socket.SHUT_RD)
        return keep

    def handle_request(self, req: object, conn: gthread.TConn) -> bool:
        conn.header_deadline.cancel()
        return super().handle_request(req, conn)
