"""A request's form: the photo and the texts in it, however the client has sent them.

Which part is which field is decided by the field's name alone, never by whether the part has a file name or which type
it declares. Only the fields that mean something are kept; others are passed over.
"""

import binascii
import codecs
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from colorize_service.options import OPTIONS
from colorize_service.server.multipart import MalformedForm, MultipartReader, PartBegins, boundary_of, parameters

PHOTO = "file"
#: The point that a question is about. Such a request changes nothing, and so its digest is not needed.
PLACE = ("x", "y")
TEXTS = frozenset({"image_id", *OPTIONS, *PLACE})

#: Fields that a form may have, those without a meaning included.
MOST_FIELDS = 2_000
#: Bytes that the fields without a file may have together. A field that has no meaning counts as one with a file if it
#: has a file name.
MOST_TEXT_BYTES = 500_000

# By the names that Python gives them. Others, and what only Python calls an encoding, are taken for UTF-8.
_CHARSETS = (
    {"ascii", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "iso8859-1", "iso8859-2", "iso8859-5", "iso8859-7"}
    | {
        "iso8859-9",
        "iso8859-15",
        "koi8-r",
        "big5",
        "cp932",
        "euc_jp",
        "euc_kr",
        "gb18030",
        "gb2312",
        "gbk",
        "shift_jis",
    }
    | {f"cp{number}" for number in range(1250, 1259)}
)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_NOT_QUOTED_PRINTABLE = re.compile(rb"[^\t\r\n -~]")


@dataclass(frozen=True)
class _Field:
    """A field's bytes as they came, and the headers of its part."""

    name: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def decoded(self) -> bytes:
        """The bytes without a transfer encoding, which mail libraries use in forms too.

        Many clients announce one that they do not use: what cannot be encoded so is taken as it is.

        Raises:
            MalformedForm: if it is base64 that does not end as it should.
        """
        encoding = self.headers.get("content-transfer-encoding", "").lower()
        if encoding == "base64" and not _NOT_BASE64.search(self.content):
            try:
                return binascii.a2b_base64(self.content)
            except binascii.Error:
                raise MalformedForm(f"The field {self.name} is not the base64 that its header announces.") from None
        if encoding == "quoted-printable" and not _NOT_QUOTED_PRINTABLE.search(self.content):
            return binascii.a2b_qp(self.content)
        return self.content

    def text(self) -> str:
        """The field as text: in the charset of its part, or else UTF-8.

        Raises:
            MalformedForm: if it is no text in that charset.
        """
        charset = _charset(self.headers.get("content-type", ""))
        try:
            return self.decoded().decode(charset).removeprefix("\ufeff")
        except UnicodeDecodeError:
            raise MalformedForm(f"The field {self.name} is no text in {charset.upper()}.") from None


def _charset(content_type: str) -> str:
    named = next((value for name, value in parameters(content_type) if name == "charset"), "utf-8")
    try:
        found = codecs.lookup(named).name
    except (LookupError, ValueError):
        return "utf-8"
    return found if found in _CHARSETS else "utf-8"


class Form:
    """The fields of a request that mean something.

    Attributes:
        photo: the bytes of the field ``file``; None without such a field.
    """

    def __init__(self, photo: bytes | None = None, texts: Iterable[_Field] = ()):
        self.photo = photo
        self._texts: dict[str, _Field] = {}
        for each in texts:
            self._texts.setdefault(each.name, each)

    def digest(self, purpose: str) -> str:
        """SHA-256 of all that counts, in hexadecimal digits: the same for the same fields, however they were sent."""
        photo = None if self.photo is None else hashlib.sha256(self.photo).hexdigest()
        texts = sorted((name, field.content.hex()) for name, field in self._texts.items() if name not in PLACE)
        return hashlib.sha256(json.dumps([purpose, photo, texts]).encode()).hexdigest()

    def text(self, name: str) -> str:
        """The text of a field, the first of several; empty where it is missing.

        Raises:
            MalformedForm: if it is no text.
        """
        found = self._texts.get(name)
        return found.text() if found else ""


def read_form(content_type: str, body: Iterable[bytes]) -> Form:
    """Read the form while its body comes. A body of another type than the two that forms have is not read.

    Args:
        content_type: the request's header, boundary or charset included.
        body: pieces of any size; what they have together is for the caller to limit.

    Raises:
        MalformedForm: saying what is wrong with the form.
        BadRequest: if it has two photos.
        RequestEntityTooLarge: naming the limit that the form is over.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        return _multipart(boundary_of(content_type), body)
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(content_type, body)
    return Form()


class _Fields:
    """Collects the fields, within the limits."""

    def __init__(self) -> None:
        self.photo: bytes | None = None
        self.texts: list[_Field] = []
        self._count = self._text_bytes = 0
        self._name: str | None = None
        self._headers: Mapping[str, str] = {}
        self._content: io.BytesIO | None = None
        self._is_text = False

    def begin(self, headers: Mapping[str, str]) -> None:
        self.count(1)
        of_the_part = parameters(headers.get("content-disposition", ""))
        # Within an ill-quoted file name something may look like a name.
        self._name = next((value for name, value in of_the_part if name == "name" and _known(value)), None)
        if self._name == PHOTO and self.photo is not None:
            raise BadRequest("The request has two photos: send one part with the name 'file'.")
        self._headers = headers
        self._content = None if self._name is None else io.BytesIO()
        has_file = self._name == PHOTO or (self._name is None and any(name == "filename" for name, _ in of_the_part))
        self._is_text = not has_file

    def add(self, content: memoryview) -> None:
        if self._is_text:
            self.count_text(len(content))
        if self._content is not None:
            self._content.write(content)

    def end(self) -> None:
        if self._name is None or self._content is None:
            return
        # BytesIO gives its buffer away without a copy.
        ended = _Field(self._name, self._content.getvalue(), self._headers)
        self._content = None
        if ended.name == PHOTO:
            self.photo = ended.decoded()
        else:
            self.texts.append(ended)

    def count(self, fields: int) -> None:
        self._count += fields
        if self._count > MOST_FIELDS:
            raise RequestEntityTooLarge(f"The form has too many fields; the limit is {MOST_FIELDS} fields.")

    def count_text(self, size: int) -> None:
        self._text_bytes += size
        if self._text_bytes > MOST_TEXT_BYTES:
            raise RequestEntityTooLarge(
                f"The fields other than 'file' are too large; the limit is {MOST_TEXT_BYTES} bytes for all together."
            )


def _known(name: str) -> bool:
    return name == PHOTO or name in TEXTS


def _multipart(boundary: bytes, body: Iterable[bytes]) -> Form:
    reader, fields = MultipartReader(boundary), _Fields()
    for piece in body:
        for event in reader.feed(piece):
            if isinstance(event, memoryview):
                fields.add(event)
            elif isinstance(event, PartBegins):
                fields.begin(event.headers)
            else:
                fields.end()
    reader.close()
    return Form(fields.photo, fields.texts)


def _urlencoded(content_type: str, body: Iterable[bytes]) -> Form:
    fields, content = _Fields(), io.BytesIO()
    for piece in body:
        fields.count_text(len(piece))
        content.write(piece)
    fields.count(content.getvalue().count(b"&") + 1)
    # Latin-1 there and back leaves the bytes as they are.
    pairs = parse_qsl(content.getvalue().decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    headers = {"content-type": content_type}
    return Form(texts=(_Field(name, text.encode("latin-1"), headers) for name, text in pairs if name in TEXTS))
