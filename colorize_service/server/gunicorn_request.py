"""How Gunicorn reads a request's headers, within limits, and answers in JSON what it refuses itself.

Of Gunicorn's names that are not its public interface it uses ``util.write_error`` and ``write_nonblock``, and of a
request's parser ``mesg_class``, ``parse``, ``parse_headers``, ``set_body_reader`` and ``max_buffer_headers``; and of
what reads a body ``max_body_chunk``, ``parse_chunk_size`` and ``read_into``.
"""

import json
import socket
from dataclasses import dataclass

from gunicorn import util
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import InvalidChunkSize, LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader, Unreader

from colorize_service.server.app_check import HEADER

LONG_HEADERS = 431
MOST_ECHOED = 150  # Gunicorn repeats what it cannot read
READ_AHEAD = 256 * 1024  # bytes of a body that it takes from the kernel at once, wanted or not
FREE_FRAMING = 64 * 1024  # bytes around the chunks of a body, beside a share of what is in them


@dataclass(frozen=True)
class HeaderLimits:
    """How many headers a request may have, and how many bytes in each of them and in all together."""

    fields: int
    field_bytes: int
    bytes: int

    def __str__(self) -> str:
        return (
            f"The request's headers are too long or too many; the limits are {self.field_bytes} bytes in one, "
            f"{self.bytes} bytes in all, and {self.fields} headers."
        )


def prepare(limits: HeaderLimits) -> None:
    """Have Gunicorn keep to these limits, and answer in JSON. Once in a server, before it has workers.

    Raises:
        RuntimeError: if this release of Gunicorn has no such names, so that ours would stay unused without a word.
    """
    names = (util, "write_error"), (RequestParser, "mesg_class"), (SocketUnreader, "max_body_chunk")
    if not all(hasattr(*each) for each in (*names, (ChunkedReader, "read_into"))):
        raise RuntimeError("This release of Gunicorn reads requests in a way that this service does not know.")
    LimitedRequest.limits = limits
    RequestParser.mesg_class = LimitedRequest
    SocketUnreader.max_body_chunk = READ_AHEAD  # type: ignore[attr-defined]  # mypy's stubs do not know it
    util.write_error = _write_json_error  # type: ignore[assignment]  # its parameters have other names


class LimitedRequest(Request):
    """A request whose headers are bounded together as well; Gunicorn lets each of them be as large as one may be.

    An App Check token that is longer than a header may be is left to be refused with its 401.
    """

    limits = HeaderLimits(100, 16 * 1024, 64 * 1024)

    def parse(self, unreader: Unreader) -> bytes:
        self.max_buffer_headers = self.limits.bytes
        return super().parse(unreader)

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        if len(data) > self.limits.bytes:
            raise LimitRequestHeaders("all headers together")
        fields = super().parse_headers(data, from_trailer)
        for name, value in fields:
            if len(name) + len(value) > self.limits.field_bytes and name != HEADER.upper():
                raise LimitRequestHeaders(name[:100])
        return fields

    def set_body_reader(self) -> None:
        super().set_body_reader()
        if self.body and isinstance(self.body.reader, ChunkedReader):
            self.body = Body(FewChunks(self, self.unreader))


class FewChunks(ChunkedReader):
    """A chunked body, of which an eighth at most is not the body itself.

    Each chunk takes as long to read as kilobytes of one do: in chunks of one byte, a body of some megabytes would take
    a minute of processor time.
    """

    def __init__(self, request: Request, unreader: Unreader):
        super().__init__(request, unreader)
        self._come = 0  # bytes, while the line before a chunk was read
        self._left = FREE_FRAMING * 8  # bytes in eighths

    def parse_chunk_size(self, unreader: Unreader, data: bytes | None = None) -> tuple[int, bytes | None]:
        self._come = len(data or b"")
        size, rest = super().parse_chunk_size(unreader, data)
        if size:  # behind the last chunk may be another request
            self._left += size - 8 * (self._come - len(rest or b""))
            if self._left < 0:
                raise InvalidChunkSize(b"too many small chunks")
        return size, rest

    def read_into(self, unreader: Unreader, buf: bytearray) -> None:
        before = len(buf)
        super().read_into(unreader, buf)  # type: ignore[misc]  # mypy's stubs do not know it
        self._come += len(buf) - before


def _write_json_error(client: socket.socket, status: int, reason: str, message: str) -> None:
    sentence = str(LimitedRequest.limits) if status == LONG_HEADERS else (message or reason)[:MOST_ECHOED]
    body = json.dumps({"detail": sentence}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(client, head.encode("latin-1") + body)
