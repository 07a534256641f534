"""The client's connection, as far as WSGI shows it: is it still there, how long may its body take, and how to
answer a client that is still sending.

Where the server is not Gunicorn, and so gives no socket, the deadlines are not enforced and nobody counts as gone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.sansio.utils import get_content_length
from werkzeug.wsgi import ClosingIterator, LimitedStream

from colorize_service.server.held_bytes import Share
from colorize_service.server.watchdog import LEAST_RATE, Deadline

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READ_SIZE = 64 * 1024
# Gunicorn copies what it has read ahead at each read: fewer reads, fewer copies. But each read is held before it comes,
# so who has not sent much is not believed to send much.
BODY_READ_SIZE = 512 * 1024
LINGER_SECONDS = 20.0
MOST_LINGERING = 250


class BodyNotReceived(BadRequest):
    """The request's body stopped, was malformed, or took too long."""


def client_gone(environ: WSGIEnvironment) -> bool:
    """Whether the client has closed its side of the connection, so that nobody waits for the answer."""
    client = environ.get("gunicorn.socket")
    if client is None:
        return False
    try:
        return not client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def body_pieces(environ: WSGIEnvironment, most: int, held: Share) -> Iterator[bytes]:
    """The request's body while it comes, to its end.

    Args:
        environ: the request's WSGI environment.
        most: bytes that the body may have.
        held: holds each piece from before it is waited for: what has come of one takes memory.

    Raises:
        RequestEntityTooLarge: if the body is larger; at once, where its length is declared.
        BodyNotReceived: if it ends before its declared length, or for what :class:`RequestBody` says.
        Busy: if there is no room for the next piece.
    """
    length = get_content_length(environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING"))
    if length is not None and length > most:
        raise _over(most)
    stream = environ["wsgi.input"]
    if not environ.get("wsgi.input_terminated"):
        stream = LimitedStream(stream, length or 0)
    return _pieces(stream, length, most, held)


def _pieces(stream: IO[bytes], length: int | None, most: int, held: Share) -> Iterator[bytes]:
    came, end = 0, most if length is None else length
    while came < end:
        size = min(max(READ_SIZE, came), BODY_READ_SIZE, end - came)
        held.add(size)
        piece = stream.read(size)
        held.drop(size - len(piece))
        if not piece:
            break
        came += len(piece)
        yield piece
    if came == end and stream.read(1):
        raise _over(most)
    if length is not None and came < length:
        raise BodyNotReceived(f"The request body was cut off: {came} of the declared {length} bytes came.")


def _over(most: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The request's body is too large; the limit is {most} bytes.")


class RequestBody:
    """WSGI middleware around the request's body.

    While the application reads it, the whole body must come within ``timeout`` seconds, and at ``LEAST_RATE`` at least;
    what goes wrong with it is :class:`BodyNotReceived`. When the application has answered without reading all of it (a
    refused token, a body over the limit), the rest is read and thrown away, because closing a socket with unread data
    resets the connection and may destroy the answer on its way (RFC 9112, section 9.6). That is bounded in time, and
    done for so many clients at once; a client that waits for leave to send its body has not sent anything.
    """

    def __init__(self, app: WSGIApplication, timeout: float):
        self._app = app
        self._timeout = timeout
        self._lingering = threading.BoundedSemaphore(MOST_LINGERING)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "0") == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._app(environ, start_response)
        deadline = Deadline(environ.get("gunicorn.socket"), self._timeout, least_rate=LEAST_RATE)
        body = _Body(environ["wsgi.input"], deadline)
        environ["wsgi.input"] = body
        return ClosingIterator(self._app(environ, start_response), lambda: self._linger(body, environ))

    def _linger(self, body: _Body, environ: WSGIEnvironment) -> None:
        body.deadline.cancel()
        if body.finished or body.not_asked_for or not self._lingering.acquire(blocking=False):
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


class ExpectedBody:
    """The body of a client that waits for ``100 Continue``, which it gets when the body is first read.

    Before that it may be refused without having sent anything (RFC 9110, section 10.1.1).
    """

    def __init__(self, body: IO[bytes], client: socket.socket):
        self.asked = False
        self._body, self._socket = body, client

    def read(self, size: int = -1) -> bytes:
        self._ask()
        return self._body.read(size)

    def readline(self, size: int = -1) -> bytes:
        self._ask()
        return self._body.readline(size)

    def _ask(self) -> None:
        if not self.asked:
            self.asked = True
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


class _Body:
    """``wsgi.input`` with a deadline, which starts with the first read."""

    def __init__(self, stream: IO[bytes], deadline: Deadline):
        self.deadline = deadline
        self.finished = False
        self._stream = stream

    @property
    def not_asked_for(self) -> bool:
        """Whether the client waits for leave to send it."""
        return isinstance(self._stream, ExpectedBody) and not self._stream.asked

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
