"""How Gunicorn reads a request's headers, within limits, and answers in JSON what it refuses itself.

Of Gunicorn's names that are not its public interface it uses ``util.write_error`` and ``write_nonblock``, and of a
request's parser ``mesg_class``, ``parse``, ``parse_headers`` and ``max_buffer_headers``.
"""

import json
import socket
from dataclasses import dataclass

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import Unreader

from colorize_service.server.app_check import HEADER

LONG_HEADERS = 431
MOST_ECHOED = 150  # Gunicorn repeats what it cannot read


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
    if not (hasattr(util, "write_error") and hasattr(RequestParser, "mesg_class")):
        raise RuntimeError("This release of Gunicorn reads requests in a way that this service does not know.")
    LimitedRequest.limits = limits
    RequestParser.mesg_class = LimitedRequest
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


def _write_json_error(client: socket.socket, status: int, reason: str, message: str) -> None:
    sentence = str(LimitedRequest.limits) if status == LONG_HEADERS else (message or reason)[:MOST_ECHOED]
    body = json.dumps({"detail": sentence}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(client, head.encode("latin-1") + body)
