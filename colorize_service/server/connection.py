"""The client's connection, as far as WSGI shows it: is it still there, how long may its body take, and how to
answer a client that is still sending.

Where the server is not Gunicorn, and so gives no socket, the deadlines are not enforced and nobody counts as gone.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.sansio.utils import get_content_length
from werkzeug.wsgi import ClosingIterator, LimitedStream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READ_SIZE = 64 * 1024
BODY_READ_SIZE = 512 * 1024  # Gunicorn copies what it has read ahead at each read: fewer reads, fewer copies
LINGER_SECONDS = 20.0


class BodyNotReceived(BadRequest):
    """The request's body stopped, was malformed, or took too long."""


def client_gone(environ: WSGIEnvironment) -> bool:
    """Whether the client has closed its side of the connection, so that nobody waits for the answer."""
    client = environ.get("gunicorn.socket")
    if client is None:
        return False
    try:
        readable, _, _ = select.select([client], [], [], 0)
        return bool(readable) and client.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


class Deadline:
    """A point in time after which a socket is shut down, which wakes the thread that is blocked on it.

    A socket's own timeout would not do: it bounds one ``recv``, and a client that sends a byte a second passes it.
    """

    def __init__(self, client: socket.socket | None, seconds: float, how: int = socket.SHUT_RD):
        self.expired = False
        self._socket, self._seconds, self._how = client, seconds, how
        self._at: float | None = None

    def start(self) -> None:
        """Watch the socket until :meth:`cancel`; the clock runs from the first start on."""
        if self._socket is not None:
            if self._at is None:
                self._at = time.monotonic() + self._seconds
            _watchdog.add(self)

    def cancel(self) -> None:
        """Watch it no more."""
        _watchdog.remove(self)

    def check(self, now: float) -> None:
        """Shut the socket down if the time has come; ``now`` is of :func:`time.monotonic`."""
        if self._socket is not None and self._at is not None and now >= self._at and not self.expired:
            self.expired = True
            with contextlib.suppress(OSError):  # closed in the meantime
                self._socket.shutdown(self._how)


class _Watchdog:
    """One thread of the process, running only while there are deadlines, looks at all of them twice a second."""

    def __init__(self) -> None:
        self._deadlines: set[Deadline] = set()
        self._lock = threading.Lock()
        self._running = False

    def add(self, deadline: Deadline) -> None:
        with self._lock:
            self._deadlines.add(deadline)
            if not self._running:
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
                self._running = True

    def remove(self, deadline: Deadline) -> None:
        with self._lock:
            self._deadlines.discard(deadline)

    def _run(self) -> None:
        while True:
            time.sleep(0.5)
            with self._lock:
                if not self._deadlines:
                    self._running = False
                    return
                now = time.monotonic()
                for deadline in self._deadlines:
                    deadline.check(now)


_watchdog = _Watchdog()


def body_pieces(environ: WSGIEnvironment, most: int) -> Iterator[bytes]:
    """The request's body while it comes, to its end.

    Args:
        environ: the request's WSGI environment.
        most: bytes that the body may have.

    Raises:
        RequestEntityTooLarge: if the body is larger; at once, where its length is declared.
        BodyNotReceived: if it ends before its declared length, or for what :class:`RequestBody` says.
    """
    length = get_content_length(environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING"))
    if length is not None and length > most:
        raise _over(most)
    stream = environ["wsgi.input"]
    if not environ.get("wsgi.input_terminated"):
        stream = LimitedStream(stream, length or 0)
    return _pieces(stream, length, most)


def _pieces(stream: IO[bytes], length: int | None, most: int) -> Iterator[bytes]:
    came = 0
    while piece := stream.read(BODY_READ_SIZE):
        came += len(piece)
        if came > most:
            raise _over(most)
        yield piece
    if length is not None and came < length:
        raise BodyNotReceived(f"The request body was cut off: {came} of the declared {length} bytes came.")


def _over(most: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The request's body is too large; the limit is {most} bytes.")


class RequestBody:
    """WSGI middleware around the request's body.

    While the application reads it, the whole body must come within ``timeout`` seconds; what goes wrong with it is
    :class:`BodyNotReceived`. When the application has answered without reading all of it (a refused token, a body
    over the limit), the rest is read and thrown away, because closing a socket with unread data resets the
    connection and may destroy the answer on its way (RFC 9112, section 9.6). That is bounded in time, and at most
    ``lingering`` threads do it at once.
    """

    def __init__(self, app: WSGIApplication, timeout: float, lingering: int):
        self._app = app
        self._timeout = timeout
        self._lingering = threading.BoundedSemaphore(max(1, lingering))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "0") == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._app(environ, start_response)
        body = _Body(environ["wsgi.input"], Deadline(environ.get("gunicorn.socket"), self._timeout))
        environ["wsgi.input"] = body
        return ClosingIterator(self._app(environ, start_response), lambda: self._linger(body, environ))

    def _linger(self, body: _Body, environ: WSGIEnvironment) -> None:
        body.deadline.cancel()
        if body.finished or not self._lingering.acquire(blocking=False):
            return
        body.deadline = Deadline(environ.get("gunicorn.socket"), LINGER_SECONDS)
        try:
            while body.read(READ_SIZE):
                pass
        except BodyNotReceived:
            pass  # the answer has been sent; the server closes the connection
        finally:
            body.deadline.cancel()
            self._lingering.release()


class _Body:
    """``wsgi.input`` with a deadline, which starts with the first read."""

    def __init__(self, stream: IO[bytes], deadline: Deadline):
        self.deadline = deadline
        self.finished = False
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._guarded(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._guarded(self._stream.readline, size)

    def _guarded(self, read: Callable[..., bytes], size: int) -> bytes:
        self.deadline.start()
        try:
            data = read() if size is None or size < 0 else read(size)
        except Exception as error:  # what the server makes of a broken body or connection is the client's doing
            self._fail(error)
        finally:
            self.deadline.cancel()  # once the body has come, the photo may wait for its turn
        if self.deadline.expired:
            self._fail()
        if not data and size:
            self.finished = True
        return data

    def _fail(self, error: Exception | None = None) -> None:
        self.finished = True
        problem = "took too long to arrive" if self.deadline.expired else "is malformed or was cut off"
        raise BodyNotReceived(f"The request body {problem}.") from error
