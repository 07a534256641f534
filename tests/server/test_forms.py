"""Forms as phones, browsers, scripts and libraries write them, over real HTTP: no good photo is lost, no correction
ignored, and a form that cannot be read is told what is wrong with it."""

import base64
import gzip
import io
import json
import quopri
import socket

import pytest
import requests
from PIL import Image

from colorize_service.server.form import MOST_FIELDS, MOST_TEXT_BYTES, read_form
from colorize_service.server.multipart import MOST_HEADER_BYTES, MOST_HEADER_BYTES_TOGETHER
from tests.conftest import encode
from tests.server.test_contract import assert_error, read_answer

HINTS = json.dumps([{"x": 0.5, "y": 0.5, "color": "#2040d0"}]).encode()
NAMED = b'Content-Disposition: form-data; name="file"; filename="a.jpg"'
HINTED = b'Content-Disposition: form-data; name="hints"'


@pytest.fixture(scope="module")
def photo(gray_photo) -> bytes:
    return encode(gray_photo.resize((60, 40)), "JPEG", quality=92)


def form(*parts: tuple[bytes, bytes], boundary: bytes = b"x", line_end: bytes = b"\r\n") -> bytes:
    """A multipart body of parts, each with its header lines and its content."""
    written = [b"--" + boundary + line_end + headers + line_end * 2 + content + line_end for headers, content in parts]
    return b"".join(written) + b"--" + boundary + b"--" + line_end


def send(service, body, content_type="multipart/form-data; boundary=x", path="/upload", **headers) -> requests.Response:
    headers = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(service.url + path, data=body, headers=headers, timeout=60)


def assert_uploaded(response: requests.Response) -> None:
    assert response.status_code == 200, response.text
    picture = requests.get(response.json()["image_url"], timeout=10).content
    assert Image.open(io.BytesIO(picture)).size == (60, 40)


def result(response: requests.Response) -> bytes:
    assert response.status_code == 200, response.text
    return requests.get(response.json()["download_url"], timeout=10).content


# --- the photo -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        # What curl on Windows sends for Großmutter.jpg, and others whose names are in a local code page.
        b'Content-Disposition: form-data; name="file"; filename="Gro\xdfmutter.jpg"\r\nContent-Type: image/jpeg',
        b'Content-Disposition: form-data; name="file"; filename="\x83\x8f\x81[\x83h.jpg"',  # Shift JIS: 5b is a bracket
        b'Content-Disposition: form-data; name="file"; filename="\x95\\.jpg"',  # Shift JIS: 5c is a backslash
        b'Content-Disposition: form-data; name="file"; filename="\xed\xa0\xbd.jpg"',  # half of an emoji
        b'Content-Disposition: form-data; name="file"; filename="\xff\xfea\x00.\x00"',
        b'Content-Disposition: form-data; name="file"; filename="\0\x01\x7f"',
        'Content-Disposition: form-data; name="file"; filename="Großmutter 👵.jpg"'.encode(),
        # Quotes, or none.
        b'Content-Disposition: form-data; name="file"; filename="my "best" photo.jpg"',
        b'Content-Disposition: form-data; name="file"; filename="a\\"b.jpg"',
        b'Content-Disposition: form-data; name="file"; filename="a%22b%0D%0A.jpg"',
        b'Content-Disposition: form-data; name="file"; filename="C:\\photos\\new\\"',
        b'Content-Disposition: form-data; filename="C:\\photos\\new\\"; name="file"',
        b'Content-Disposition: form-data; name="file"; filename="a; name=b; c.jpg"',
        b'Content-Disposition: form-data; filename="a; name=\\"hints\\".jpg"; name="file"',
        b'Content-Disposition: form-data; filename="a"; name="x".jpg"; name="file"',
        b"Content-Disposition: form-data; name=file; filename=a.jpg",
        b"Content-Disposition: form-data; name=file; filename=my photo.jpg",
        b"Content-Disposition: form-data; filename=my photo.jpg; name=file",
        b"Content-Disposition: form-data; name='file'; filename='a.jpg'",
        b'Content-Disposition: form-data; name="file"; filename="a.jpg',
        b'Content-Disposition: form-data; filename="a.jpg; name="file"',
        b'Content-Disposition: form-data; name="file',
        b'Content-Disposition: form-data; name="file"; filename=""',
        b'Content-Disposition: form-data; name="file"; filename',
        # Other ways to write the header.
        b"Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''Gro%C3%9Fmutter.jpg",
        b"Content-Disposition: form-data; filename*=ascii''%FF; name=file",
        b"Content-Disposition: form-data; name*=utf-8''file",
        b'content-disposition:form-data;name="file";filename="a.jpg"',
        b'CONTENT-DISPOSITION: FORM-DATA; NAME="file"; FILENAME="A.JPG"',
        b'Content-Disposition : form-data ; name = "file" ; filename = "a.jpg"',
        b'Content-Disposition: form-data, name="file"',
        b'Content-Disposition: form-data name="file"',
        b'Content-Disposition: attachment; name="file"; filename="a.jpg"',
        b'Content-Disposition: form-data;\r\n name="file";\r\n\tfilename="a.jpg"',
        b'Content-Disposition: form-data; name="file"; filename="' + b"a" * 10_000 + b'"',
        # No file name, as Dart's and many hand-made forms; other types.
        b'Content-Disposition: form-data; name="file"',
        b'Content-Type: text/plain; charset=utf-16\r\nContent-Disposition: form-data; name="file"',
        NAMED + b"\r\nContent-Type: multipart/mixed; boundary=nonsense",
        NAMED + b'\r\nContent-Type: image/jpeg; name="Gro\xdfmutter.jpg"',
        # Headers without a meaning.
        NAMED + b"\r\nContent-Length: 3",
        NAMED + b"\r\nContent-Transfer-Encoding: binary",
        NAMED + b"\r\nContent-Transfer-Encoding: base64",
        NAMED + b"\r\nContent-Transfer-Encoding: quoted-printable",
        NAMED + b"\r\nContent-Transfer-Encoding: gr\xfcn",
        NAMED + b"\r\nno colon",
        NAMED + b"\r\n: no name",
        NAMED + b"\r\nGr\xf6\xdfe (bytes): \xff",
        b"no colon\r\n" + NAMED,
        NAMED + b"\r\nContent-Disposition: attachment",
        NAMED + b"".join(b"\r\nX-Header-%d: a" % number for number in range(100)),
    ],
)
def test_no_byte_of_a_parts_headers_loses_its_photo(service, photo, headers):
    assert_uploaded(send(service, form((headers, photo))))


@pytest.mark.parametrize(
    "other",
    [
        b'Content-Disposition: form-data; name="caption"; filename="\xff"',
        b'Content-Disposition: form-data; name="Gr\xf6\xdfe"',
        b'Content-Disposition: form-data; name=""',
        b"Content-Disposition: form-data",
        b"Content-Type: text/plain",
        b"nonsense",
        b"",
        b'Content-Disposition: form-data; name="hints"; filename="blob"\r\nContent-Type: \xff; charset=\0',
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_no_byte_of_another_parts_headers_loses_the_photo(service, photo, other, first):
    parts = [(other, b"Hello"), (NAMED, photo)]
    body = form(*(parts if first else parts[::-1])).replace(b"--x\r\n\r\n\r\n", b"--x\r\n\r\n")  # no headers at all
    assert_uploaded(send(service, body))


@pytest.mark.parametrize("encoding", [b"base64", b"BASE64", b"quoted-printable"])
def test_a_photo_that_a_mail_library_encoded_is_decoded(service, photo, encoding):
    content = quopri.encodestring(photo) if encoding == b"quoted-printable" else base64.encodebytes(photo)
    assert_uploaded(send(service, form((NAMED + b"\r\nContent-Transfer-Encoding: " + encoding, content))))


@pytest.mark.parametrize("size", [490_000, 700_000])
def test_a_photo_without_a_file_name_may_be_as_large_as_any(service, photo, size):
    large = photo + bytes(size - len(photo))
    assert_uploaded(send(service, form((b'Content-Disposition: form-data; name="file"', large))))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=x", lambda part: form(part, line_end=b"\n")),
        ("multipart/form-data; boundary=x", lambda part: b"This is a form.\r\n" + form(part)),
        ("multipart/form-data; boundary=x", lambda part: b"\r\n" + form(part)),
        ("multipart/form-data; boundary=x", lambda part: form(part) + b"\r\n--x\r\nnot a part"),
        ("multipart/form-data; boundary=x", lambda part: form(part).removesuffix(b"\r\n")),
        ("multipart/form-data; boundary=x", lambda part: form(part).replace(b"--x\r\n", b"--x \t\r\n")),
        ("multipart/form-data; boundary=x", lambda part: form(part).replace(b"--x--", b"--x--  ")),
        ("multipart/form-data; boundary=x", lambda part: form((b"", b""), part)),
        ("multipart/form-data; boundary=x", lambda part: b"--x\r\n\r\n" + form(part)),
        ("multipart/form-data; boundary=x", lambda part: form(part, (b"A: b", b"\r\n--xy\r\n--x-y\r\n-x\r\n--"))),
        ('multipart/form-data; boundary="x"', form),
        ("multipart/form-data; boundary='x'", form),
        ('Multipart/Form-Data;Charset=UTF-8;Boundary="x";', form),
        ("multipart/form-data; charset=utf-8; boundary = x ", form),
        ('multipart/form-data; boundary="x', form),
        ('multipart/form-data; boundary="a b\'c"', lambda part: form(part, boundary=b"a b'c")),
        ("multipart/form-data; boundary=a b", lambda part: form(part, boundary=b"a b")),
        ("multipart/form-data; boundary=----=_Part_1_2.3", lambda part: form(part, boundary=b"----=_Part_1_2.3")),
        ("multipart/form-data; boundary=(a:b)/[c]?", lambda part: form(part, boundary=b"(a:b)/[c]?")),
        ("multipart/form-data; boundary=" + "b" * 200, lambda part: form(part, boundary=b"b" * 200)),
        (b"multipart/form-data; boundary=gr\xf6n", lambda part: form(part, boundary=b"gr\xf6n")),
        ("multipart/mixed; boundary=x", form),
    ],
)
def test_a_form_whose_lines_and_boundaries_are_unusual_is_read(service, photo, content_type, body):
    assert_uploaded(send(service, body((NAMED, photo)), content_type))


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\n-", b"\r\n--", b"\r\n--x", b"--x--"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_a_photo_is_what_was_sent_to_the_last_byte(end, line_end):
    if end == b"\r\n--x":
        end += b"y"  # the boundary alone would be one
    sent = b"\n\r\n" + bytes(range(256)) + end
    assert read_form("multipart/form-data; boundary=x", [form((NAMED, sent), line_end=line_end)]).photo == sent


# --- clients ---------------------------------------------------------------------------------------------------------


def _dart(photo: bytes) -> tuple[str, bytes]:
    """package:http's MultipartRequest with MultipartFile.fromBytes and no file name."""
    boundary = b"dart-http-boundary-3w+vVqLUa.xyz_0d1f-WZ+0oRk8UyGv3Tz1bqJ8m2c9"
    parts = [
        (b'content-disposition: form-data; name="hints"', HINTS),
        (b'content-type: application/octet-stream\r\ncontent-disposition: form-data; name="file"', photo),
    ]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _ios(photo: bytes) -> tuple[str, bytes]:
    """A body put together by hand for URLSession, as the tutorials have it."""
    boundary = b"Boundary-9F1C1D55-7B1E-4C5C-9C8B-0B1C9D6C8F11"
    body = b"\r\n--" + boundary + b'\r\nContent-Disposition: form-data; name="hints"\r\n\r\n' + HINTS + b"\r\n"
    body += b"\r\n--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="image.png"\r\n'
    body += b"Content-Type: image/png\r\n\r\n" + photo + b"\r\n--" + boundary + b"--\r\n"
    return f"multipart/form-data; boundary={boundary.decode()}", body


def _okhttp(photo: bytes) -> tuple[str, bytes]:
    """Each part has its length, texts have a type."""
    boundary = b"2d2b9d6e-8f0f-4f6a-9a0a-0b6c7c1a2f3e"
    hints = HINTED + b"\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d" % len(HINTS)
    parts = [(hints, HINTS), (NAMED + b"\r\nContent-Type: image/*\r\nContent-Length: %d" % len(photo), photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _retrofit(photo: bytes) -> tuple[str, bytes]:
    """Retrofit's @Part with a converter."""
    transfer = b"\r\nContent-Transfer-Encoding: binary\r\nContent-Type: text/plain; charset=UTF-8"
    return "multipart/form-data; boundary=x", form((HINTED + transfer, HINTS), (NAMED + transfer, photo))


def _browser(photo: bytes) -> tuple[str, bytes]:
    """FormData with the hints as a Blob of JSON."""
    boundary = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
    hints = HINTED + b'; filename="blob"\r\nContent-Type: application/json'
    parts = [(hints, HINTS), (NAMED + b"\r\nContent-Type: image/jpeg", photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _node(photo: bytes) -> tuple[str, bytes]:
    """axios with the package form-data, given a Buffer without a file name."""
    boundary = b"--------------------------515890814546601021194782"
    parts = [(HINTED, HINTS), (b'Content-Disposition: form-data; name="file"\r\nContent-Type: image/jpeg', photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _dotnet(photo: bytes) -> tuple[str, bytes]:
    """HttpClient's MultipartFormDataContent."""
    boundary = b"3a2f8b1e-5d1c-4a6f-8f49-9b2f5d0c7a11"
    hints = b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=hints"
    file = b'Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=file; filename="=?utf-8?B?R3Jvw58uanBn?="'
    parts = [(hints, HINTS), (file + b"; filename*=utf-8''Gro%C3%9F.jpg", photo)]
    return f'multipart/form-data; boundary="{boundary.decode()}"', form(*parts, boundary=boundary)


def _aiohttp(photo: bytes) -> tuple[str, bytes]:
    """Its FormData: the type first."""
    hints = b"Content-Type: text/plain; charset=utf-8\r\n" + HINTED
    file = b"Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''Gro%C3%9F.jpg"
    return "multipart/form-data; boundary=7b0d", form((hints, HINTS), (file, photo), boundary=b"7b0d")


def _go(photo: bytes) -> tuple[str, bytes]:
    """mime/multipart's CreateFormFile."""
    boundary = b"9c2f6b1f0f9f1ef41ba4ff5f7d0a2ab8d4f5c4ef4c8d0ecd1f0c2bb1d3b7"
    parts = [(HINTED, HINTS), (NAMED + b"\r\nContent-Type: application/octet-stream", photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _java(photo: bytes) -> tuple[str, bytes]:
    """Apache's HttpClient in its strict mode."""
    text = b"\r\nContent-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit"
    binary = b"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary"
    return "multipart/form-data; boundary=x", form((HINTED + text, HINTS), (NAMED + binary, photo))


def _spring(photo: bytes) -> tuple[str, bytes]:
    """RestTemplate with a ByteArrayResource."""
    hints = HINTED + b"\r\nContent-Type: application/json\r\nContent-Length: %d" % len(HINTS)
    parts = [(hints, HINTS), (b'Content-Disposition: form-data; name="file"', photo)]
    return "multipart/form-data;charset=UTF-8;boundary=q1w2", form(*parts, boundary=b"q1w2")


def _indy(photo: bytes) -> tuple[str, bytes]:
    """Delphi's TIdMultiPartFormDataStream."""
    text = b"\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable"
    binary = b"\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: binary"
    parts = [(HINTED + text, quopri.encodestring(HINTS)), (NAMED + binary, photo)]
    return "multipart/form-data; boundary=--------112318125843211", form(*parts, boundary=b"--------112318125843211")


def _python_mail(photo: bytes) -> tuple[str, bytes]:
    """email.mime's MIMEMultipart, which encodes what is in it."""
    encoded = b"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64"
    parts = [(HINTED + encoded, base64.encodebytes(HINTS)), (NAMED + encoded, base64.encodebytes(photo))]
    boundary = b"===============5474352891354654379=="
    body = form(*parts, boundary=boundary, line_end=b"\n")
    return f'multipart/form-data; boundary="{boundary.decode()}"', body


def _shell(photo: bytes) -> tuple[str, bytes]:
    """A file for wget's --post-file, put together with echo and cat."""
    return "multipart/form-data; boundary=FILEUPLOAD", form(
        (b'Content-Disposition: form-data; name="hints"', HINTS),
        (b'Content-Disposition: form-data; name="file"; filename="a.jpg"\nContent-Type: image/jpeg', photo),
        boundary=b"FILEUPLOAD",
        line_end=b"\n",
    )


@pytest.fixture(scope="module")
def hinted(service, photo) -> bytes:
    """The result that every client is to get."""
    files, data = {"file": ("a.jpg", photo)}, {"hints": HINTS.decode()}
    url = f"{service.url}/colorize"
    corrected = result(requests.post(url, files=files, data=data, timeout=60))
    assert corrected != result(requests.post(url, files=files, timeout=60))
    return corrected


@pytest.mark.parametrize(
    "client",
    [
        _dart,
        _ios,
        _okhttp,
        _retrofit,
        _browser,
        _node,
        _dotnet,
        _aiohttp,
        _go,
        _java,
        _spring,
        _indy,
        _python_mail,
        _shell,
    ],
)
def test_each_client_gets_its_photo_with_its_corrections(service, photo, hinted, client):
    content_type, body = client(photo)
    assert result(send(service, body, content_type, "/colorize")) == hinted


# --- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        HINTED + b'; filename="blob"\r\nContent-Type: application/json',
        HINTED + b'; filename="hints.json"\r\nContent-Type: application/octet-stream',
        HINTED + b'; filename=""',
        HINTED + b"; filename*=utf-8''%FF",
        HINTED + b"\r\nContent-Type: image/jpeg",
        HINTED + b"\r\nContent-Type: text/plain; charset=no-such",
        HINTED + b"\r\nContent-Type: text/plain; charset=unicode_escape",
    ],
)
def test_a_correction_counts_whatever_its_part_is_called(service, photo, hinted, headers):
    body = form((NAMED, photo), (headers, HINTS))
    assert result(send(service, body, path="/colorize")) == hinted


def test_an_upload_is_found_by_an_id_in_any_part(service, photo):
    image_id = send(service, form((NAMED, photo))).json()["image_id"]
    part = (b'Content-Disposition: form-data; name="image_id"; filename="id.txt"', f" {image_id}\r\n".encode())
    assert result(send(service, form(part), path="/colorize"))


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        (b"", "Großmutter".encode()),
        (b"", "\ufeffGroßmutter".encode()),
        (b"\r\nContent-Type: text/plain; charset=ISO-8859-1", "Großmutter".encode("latin-1")),
        (b"\r\nContent-Type: text/plain; Charset='windows-1252'", "Großmutter".encode("cp1252")),
        (b"\r\nContent-Type: text/plain; charset=utf-16", "Großmutter".encode("utf-16")),
        (b"\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64", b"R3Jvw59tdXR0ZXI="),
        (b"\r\nContent-Transfer-Encoding: quoted-printable", b"Gro=C3=9Fmut=\r\nter"),
    ],
)
def test_a_text_is_read_in_its_charset(headers, content):
    part = (b'Content-Disposition: form-data; name="prompt"' + headers, content)
    assert read_form("multipart/form-data; boundary=x", [form(part)]).text("prompt") == "Großmutter"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1&prompt=Gro%C3%9Fmutter+1&prompt=2"),
        ("Application/X-WWW-Form-Urlencoded; Charset=UTF-8", "prompt=Großmutter 1".encode()),
        ("application/x-www-form-urlencoded;charset=iso-8859-1", b"&&=&prompt=Gro%DFmutter%201&prompt"),
    ],
)
def test_a_form_that_is_not_multipart_is_read_in_its_charset(content_type, body):
    assert read_form(content_type, [body[:9], body[9:]]).text("prompt") == "Großmutter 1"


def test_of_a_text_that_comes_twice_the_first_counts(service, photo):
    saturation = b'Content-Disposition: form-data; name="saturation"'
    body = form((NAMED, photo), (saturation, b"0"), (saturation, b"2"))
    picture = Image.open(io.BytesIO(result(send(service, body, path="/colorize"))))
    assert picture.convert("YCbCr").getextrema()[1:] == ((128, 128), (128, 128))


@pytest.mark.parametrize("headers", [b"", b"\r\nContent-Type: text/plain; charset=utf-16"])
def test_a_text_that_is_none_is_refused_by_name(service, photo, headers):
    body = form((NAMED, photo), (b'Content-Disposition: form-data; name="saturation"' + headers, b"\xff1\xdf"))
    assert "saturation" in assert_error(send(service, body, path="/colorize"), 400)
    assert_uploaded(send(service, body))  # there it means nothing


# --- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("multipart/form-data", form, "no boundary"),
        ("multipart/form-data; boundary=", form, "no boundary"),
        ('multipart/form-data; boundary=""', form, "no boundary"),
        ("multipart/form-data; charset=utf-8", form, "no boundary"),
        ("multipart/form-data; boundary=" + "x" * 300, form, "boundary is too long"),
        ("multipart/form-data; boundary=y", form, "boundary 'y'"),
        ("multipart/form-data; boundary=--x", form, "boundary '--x'"),
        ("multipart/form-data; boundary=x", lambda part: form(part).replace(b"--x--\r\n", b""), "last boundary"),
        ("multipart/form-data; boundary=x", lambda part: form(part).replace(b"--x--", b"--x"), "last boundary"),
        ("multipart/form-data; boundary=x", lambda part: form(part)[:-300], "last boundary"),
        ("multipart/form-data; boundary=x", lambda part: form(part)[:50], "last boundary"),
        ("multipart/form-data; boundary=x", lambda part: part[1], "boundary 'x'"),
        ("multipart/form-data; boundary=x", lambda part: b"", "empty"),
        ("multipart/form-data; boundary=x", lambda part: b"--x\r\n" + NAMED + b"\r\n" + form(part), "empty line"),
        ("multipart/form-data; boundary=x", lambda part: b"--x--\r\n", "no file"),
        ("multipart/form-data; boundary=x", lambda part: form(part, part), "two photos"),
        ("multipart/form-data; boundary=x", lambda part: form(part, (NAMED[:45], b"text")), "two photos"),
        ("image/jpeg", lambda part: part[1], "multipart/form-data in the field 'file'"),
        ("application/json", lambda part: b'{"file": ""}', "multipart/form-data in the field 'file'"),
        ("application/x-www-form-urlencoded", form, "multipart/form-data in the field 'file'"),
        ("nonsense", form, "multipart/form-data in the field 'file'"),
        ("", form, "multipart/form-data in the field 'file'"),
    ],
)
def test_a_form_that_cannot_be_read_is_told_what_is_wrong(service, photo, content_type, body, said):
    assert said in assert_error(send(service, body((NAMED, photo)), content_type), 400)


def test_base64_that_is_none_is_said(service, photo):
    body = form((NAMED + b"\r\nContent-Transfer-Encoding: base64", base64.b64encode(photo)[:1001]))
    assert "base64" in assert_error(send(service, body), 400)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, identity"])
def test_a_compressed_body_is_refused_as_such(service, photo, coding):
    body = gzip.compress(form((NAMED, photo)))
    for path in ("/upload", "/colorize"):
        assert "Content-Encoding" in assert_error(send(service, body, path=path, Content_Encoding=coding), 415)


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_that_says_that_it_is_not_compressed_is_read(service, photo, coding):
    assert_uploaded(send(service, form((NAMED, photo)), Content_Encoding=coding))


def test_a_body_that_ends_before_its_length_is_called_cut_off(service, photo):
    body = form((NAMED, photo))
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    for sent in (body[:-200], body):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % (len(body) + 10) + sent)
            client.shutdown(socket.SHUT_WR)
            status, _, answer = read_answer(client)
        assert status == 400 and "cut off" in json.loads(answer)["detail"]


def test_the_token_is_judged_before_the_form(api, photo):
    for headers in ({"Content-Encoding": "gzip"}, {"Content-Type": "multipart/form-data"}):
        assert_error(requests.post(f"{api.url}/upload", data=photo, headers=headers, timeout=10), 401)
        assert_error(
            requests.post(f"{api.url}/upload", data=photo, headers=headers | api.headers, timeout=10),
            (415 if "Content-Encoding" in headers else 400),
        )


def test_a_connection_stays_usable_after_a_form_that_could_not_be_read(service, photo):
    with requests.Session() as session:
        for body in (photo, form((NAMED, photo), (NAMED, photo)), form((NAMED, photo)) + b"epilogue" * 100_000):
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            session.post(f"{service.url}/upload", data=body, headers=headers, timeout=10)
            good = session.post(f"{service.url}/upload", data=form((NAMED, photo)), headers=headers, timeout=10)
            assert_uploaded(good)


# --- limits ----------------------------------------------------------------------------------------------------------


def unknown(count: int, size: int = 1, more: bytes = b"") -> list[tuple[bytes, bytes]]:
    """Parts without a meaning."""
    return [(b'Content-Disposition: form-data; name="a%d"' % number + more, b"a" * size) for number in range(count)]


def test_many_small_fields_of_a_clients_own_are_no_reason_to_refuse_its_photo(service, photo):
    assert_uploaded(send(service, form(*unknown(1_100), (NAMED, photo))))
    assert_uploaded(send(service, form(*unknown(MOST_FIELDS - 1), (NAMED, photo))))


def test_a_second_file_of_a_clients_own_may_be_large(service, photo):
    assert_uploaded(send(service, form(*unknown(2, 600_000, b'; filename="thumbnail.png"'), (NAMED, photo))))


@pytest.mark.parametrize(
    ("parts", "limit"),
    [
        (lambda photo: [*unknown(MOST_FIELDS), photo], MOST_FIELDS),
        (lambda photo: [photo, *unknown(1, 600_000)], MOST_TEXT_BYTES),
        (lambda photo: [photo, (HINTED, b"[" * 600_000)], MOST_TEXT_BYTES),
        (lambda photo: [(HINTED + b'; filename="blob"', b"[" * 600_000), photo], MOST_TEXT_BYTES),
        (lambda photo: [photo, (HINTED, HINTS), *unknown(3, 200_000)], MOST_TEXT_BYTES),
        (lambda photo: [photo, *unknown(1, 1, b'; filename="' + b"a" * 20_000 + b'"')], MOST_HEADER_BYTES),
        (lambda photo: [photo, *unknown(100, 1, b"\r\nX-A: " + b"a" * 15_000)], MOST_HEADER_BYTES_TOGETHER),
    ],
)
def test_the_limit_that_is_named_is_the_one_that_was_passed(service, photo, parts, limit):
    for path in ("/upload", "/colorize"):
        sentence = assert_error(send(service, form(*parts((NAMED, photo))), path=path), 413)
        assert f" {limit} " in sentence


@pytest.mark.parametrize(("body", "limit"), [(b"a=" + b"b" * 600_000, MOST_TEXT_BYTES), (b"a&" * 3_000, MOST_FIELDS)])
def test_a_form_that_is_not_multipart_has_the_same_limits(service, body, limit):
    response = send(service, body, "application/x-www-form-urlencoded", "/colorize")
    assert f" {limit} " in assert_error(response, 413)


def test_a_body_over_the_limit_is_told_that_limit_whatever_it_is(serve, photo):
    service = serve(MAX_UPLOAD_BYTES=100_000)
    large = photo + bytes(100_000)
    for body in (form((NAMED, large)), iter([form((NAMED, large))])):
        assert "100000 bytes" in assert_error(send(service, body), 413)
    for content_type in ("image/jpeg", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert "100000 bytes" in assert_error(send(service, large, content_type), 413)
    assert_uploaded(send(service, form((NAMED, photo))))
