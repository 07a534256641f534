"""The parts of a multipart body, told apart while it comes (RFC 2046, section 5.1; RFC 7578).

Written here because none of the readers on PyPI takes what is sent: they refuse a body whose lines end with LF alone,
or a photo because of a byte in some part's headers, or the decoder in Werkzeug adds a byte where a read ends within a
boundary. This one says where parts begin and end, and keeps the headers' three lines that matter; what is in the parts
is the caller's affair.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

#: Bytes that the headers of one part may have, and those of all parts together.
MOST_HEADER_BYTES = 16_384
MOST_HEADER_BYTES_TOGETHER = 1_000_000
#: Bytes of a boundary; RFC 2046 allows 70.
MOST_BOUNDARY_BYTES = 256

# What follows a boundary that is one; in the end, what may become that.
_REST_OF_LINE = rb"(?:(?P<last>--)|[ \t]{0,100}\r?\n|(?P<unfinished>-?|[ \t]{0,100}\r?)\Z)"
_EMPTY_LINE = re.compile(rb"\r?\n")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_HEADER = re.compile(
    r"^[ \t]*(content-(?:disposition|type|transfer-encoding))[ \t]*:(.*)", re.MULTILINE | re.IGNORECASE
)
# name=value after a semicolon, comma or space. A quoted value ends where a parameter can end, because many clients
# write quotes and backslashes within quotes as they are; a quote that is never closed counts as none.
_END = r"(?=\s*(?:;|$))"
_PARAMETER = re.compile(rf'(?<![^;,\s])([^\s;,="]+)\s*=\s*("(?:[^"\\]|\\.)*"{_END}|"[^"]*"{_END}|[^;]*)')
_ESCAPED = re.compile(r'\\(["\\])')


class MalformedForm(BadRequest):
    """The form cannot be read; the sentence says what is wrong with it."""


@dataclass(frozen=True)
class PartBegins:
    """A part begins.

    Attributes:
        headers: Content-Disposition, Content-Type and Content-Transfer-Encoding as far as the part has them, by name
            in lower case, decoded as Latin-1; the first of each name.
    """

    headers: Mapping[str, str]


class PartEnds(Enum):
    """The part that began last has ended."""

    EVENT = auto()


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    CONTENT = auto()
    EPILOGUE = auto()


def parameters(header: str) -> list[tuple[str, str]]:
    """The parameters of a header such as Content-Disposition, in their order: names in lower case, values unquoted.

    Takes what clients write: with and without quotes, unescaped and missing quotes, single quotes, spaces around the
    equals sign, ``name*=utf-8''value`` (RFC 5987; not percent-decoded).
    """
    return [(name.lower().rstrip("*"), _unquoted(name, value.strip())) for name, value in _PARAMETER.findall(header)]


def _unquoted(name: str, value: str) -> str:
    if name.endswith("*") and value.count("'") >= 2:
        return value.split("'", 2)[2]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value.strip("'\"")


def boundary_of(content_type: str) -> bytes:
    """The boundary that the request's Content-Type names.

    Raises:
        MalformedForm: if there is none, or it is too long.
    """
    boundary = next((value for name, value in parameters(content_type) if name == "boundary"), "").rstrip()
    if not boundary:
        raise MalformedForm(
            "The form has no boundary: the header Content-Type must be multipart/form-data; boundary=…, as the HTTP "
            "library writes it."
        )
    if len(boundary) > MOST_BOUNDARY_BYTES:
        raise MalformedForm(f"The form's boundary is too long; the limit is {MOST_BOUNDARY_BYTES} bytes.")
    return boundary.encode("latin-1", "replace")


class MultipartReader:
    """Takes a multipart body piece by piece, cut anywhere, and gives what is in it.

    A line ends with CRLF, or with LF alone. What stands before the first boundary and after the last is passed over.
    A line that begins with the boundary and goes on is content. Nothing is held back but what may be a boundary or is
    part of a header.
    """

    def __init__(self, boundary: bytes):
        self._delimiter = b"\n--" + boundary
        self._line = re.compile(re.escape(self._delimiter) + _REST_OF_LINE)
        self._boundary = boundary
        self._held = b"\n"  # the body may begin with a boundary
        self._state = _State.PREAMBLE
        self._empty = True
        self._header_bytes = 0
        self._bare_lf = False
        # Whether the part has just begun. Then the line break before its content may be that of the next boundary.
        self._fresh = False

    def feed(self, piece: bytes) -> Iterator[PartBegins | memoryview | PartEnds]:
        """What the next piece of the body brings: for each part its begin, its content in pieces, its end.

        The views are into ``piece`` as far as possible: nothing is copied.

        Raises:
            MalformedForm
            RequestEntityTooLarge: if the headers of a part are too large.
        """
        self._empty = self._empty and not piece
        if self._state is _State.EPILOGUE:
            return
        buffer = self._held + piece if self._held else piece
        view = memoryview(buffer)
        at = 1 if self._fresh else 0
        while self._state is not _State.EPILOGUE:
            if self._state is _State.HEADERS:
                found = self._headers(buffer, at)
                if found is None:
                    self._held = buffer[at:]
                    return
                headers, at = found
                yield PartBegins(headers)
                self._state, self._fresh = _State.CONTENT, True
            line_break, line = self._next_delimiter(buffer, at - 1 if self._fresh else at)
            if self._state is _State.CONTENT:
                end = self._content_end(buffer, at, line_break)
                if end > at:
                    yield view[at:end]
            else:
                end = line_break
            if line is None:
                self._fresh = self._fresh and line_break < at
                self._held = buffer[min(end, line_break) :]
                return
            yield from self._pass(line)
            at = line.end()
        self._held = b""

    def close(self) -> None:
        """The body has ended.

        Raises:
            MalformedForm: if the form has not.
        """
        if self._empty:
            raise MalformedForm("The request's body is empty: send the photo in it, in the field 'file'.")
        if self._state is _State.PREAMBLE:
            shown = self._boundary[:70].decode("ascii", "replace")
            raise MalformedForm(
                f"The form cannot be read: Content-Type names the boundary '{shown}', and the body has no such line."
            )
        if self._state is not _State.EPILOGUE:
            raise MalformedForm("The form is cut short: its last boundary is missing.")

    def _pass(self, line: re.Match[bytes]) -> Iterator[PartEnds]:
        """Go beyond a boundary's line."""
        if self._state is _State.CONTENT:
            yield PartEnds.EVENT
        else:
            self._bare_lf = not line[0].endswith(b"\r\n")
        self._state = _State.EPILOGUE if line["last"] else _State.HEADERS
        self._fresh = False

    def _next_delimiter(self, buffer: bytes, start: int) -> tuple[int, re.Match[bytes] | None]:
        """Where the next boundary's line break is, and its line; None if the rest of that is still to come."""
        delimiter = self._delimiter
        found = buffer.find(delimiter, start)  # is much faster than the expression
        line = self._line.search(buffer, found) if found >= 0 else None
        if line:
            return line.start(), None if line["unfinished"] is not None else line
        # A boundary has no LF in it, so only the last one may begin a boundary whose end is still to come.
        found = buffer.rfind(b"\n", max(start, len(buffer) - len(delimiter) + 1))
        return (found if found >= 0 and delimiter.startswith(buffer[found:]) else len(buffer)), None

    def _content_end(self, buffer: bytes, start: int, line_break: int) -> int:
        """Where the content before a line break ends: a CR before it belongs to it, unless lines end with LF alone."""
        with_cr = not self._bare_lf and line_break > start and buffer[line_break - 1] == 0x0D
        return max(start, line_break - with_cr)

    def _headers(self, buffer: bytes, start: int) -> tuple[dict[str, str], int] | None:
        """The part's headers and where its content begins; None if they have not come to their end."""
        end = _EMPTY_LINE.match(buffer, start) or _END_OF_HEADERS.search(buffer, start, start + MOST_HEADER_BYTES + 4)
        block = buffer[start : end.start()] if end else buffer[start:]
        if len(block) > MOST_HEADER_BYTES:
            raise RequestEntityTooLarge(
                f"The headers of a part of the form are too large; the limit is {MOST_HEADER_BYTES} bytes."
            )
        if self._delimiter in b"\n" + block:
            raise MalformedForm(
                "The form cannot be read: a part has no empty line between its headers and its content."
            )
        if end is None:
            return None
        self._header_bytes += len(block)
        if self._header_bytes > MOST_HEADER_BYTES_TOGETHER:
            raise RequestEntityTooLarge(
                f"The headers of the form's parts are too large; the limit is {MOST_HEADER_BYTES_TOGETHER} bytes for "
                "all together."
            )
        return _parsed(block), end.end()


def _parsed(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in _HEADER.findall(_FOLD.sub(" ", block.decode("latin-1"))):
        headers.setdefault(name.lower(), value.strip())
    return headers
