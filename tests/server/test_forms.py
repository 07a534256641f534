"""A form's fields are read however they were sent: no good photo is lost, no text is misread. Over real HTTP."""

import base64
import io
import quopri

import pytest
from PIL import Image

from colorize_service.server.form import read_form
from colorize_service.server.multipart import MalformedForm
from tests.support.forms import PHOTO, assert_uploaded, form, result, send, small
from tests.support.http import assert_error


@pytest.fixture(scope="module")
def photo(gray_photo) -> bytes:
    return small(gray_photo)


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
        PHOTO + b"\r\nContent-Type: multipart/mixed; boundary=nonsense",
        PHOTO + b'\r\nContent-Type: image/jpeg; name="Gro\xdfmutter.jpg"',
        # Headers without a meaning.
        PHOTO + b"\r\nContent-Length: 3",
        PHOTO + b"\r\nContent-Transfer-Encoding: binary",
        PHOTO + b"\r\nContent-Transfer-Encoding: base64",
        PHOTO + b"\r\nContent-Transfer-Encoding: quoted-printable",
        PHOTO + b"\r\nContent-Transfer-Encoding: gr\xfcn",
        PHOTO + b"\r\nno colon",
        PHOTO + b"\r\n: no name",
        PHOTO + b"\r\nGr\xf6\xdfe (bytes): \xff",
        b"no colon\r\n" + PHOTO,
        PHOTO + b"\r\nContent-Disposition: attachment",
        PHOTO + b"".join(b"\r\nX-Header-%d: a" % number for number in range(100)),
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
    parts = [(other, b"Hello"), (PHOTO, photo)]
    body = form(*(parts if first else parts[::-1])).replace(b"--x\r\n\r\n\r\n", b"--x\r\n\r\n")  # no headers at all
    assert_uploaded(send(service, body))


@pytest.mark.parametrize("encoding", [b"base64", b"BASE64", b"quoted-printable"])
def test_a_photo_that_a_mail_library_encoded_is_decoded(service, photo, encoding):
    content = quopri.encodestring(photo) if encoding == b"quoted-printable" else base64.encodebytes(photo)
    assert_uploaded(send(service, form((PHOTO + b"\r\nContent-Transfer-Encoding: " + encoding, content))))


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
    assert_uploaded(send(service, body((PHOTO, photo)), content_type))


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\n-", b"\r\n--", b"\r\n--x", b"--x--"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_a_photo_is_what_was_sent_to_the_last_byte(end, line_end):
    if end == b"\r\n--x":
        end += b"y"  # the boundary alone would be one
    sent = b"\n\r\n" + bytes(range(256)) + end
    assert read_form("multipart/form-data; boundary=x", [form((PHOTO, sent), line_end=line_end)]).photo == sent


# --- texts -----------------------------------------------------------------------------------------------------------


def test_an_upload_is_found_by_an_id_in_any_part(service, photo):
    image_id = send(service, form((PHOTO, photo))).json()["image_id"]
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
        # Names that are no charset's.
        (b"\r\nContent-Type: text/plain; charset=klingon", "Großmutter".encode()),
        (b"\r\nContent-Type: text/plain; charset=a\0b", "Großmutter".encode()),
        (b"\r\nContent-Type: text/plain; charset=" + b"x" * 5000, "Großmutter".encode()),
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


@pytest.mark.parametrize("boundary", ["xox", "--=-", "bab", "|a|"])
def test_a_boundary_without_quotes_that_ends_as_it_begins_is_taken_as_it_is(boundary):
    body = form((PHOTO, b"photo"), boundary=boundary.encode())
    assert read_form(f"multipart/form-data; boundary={boundary}", [body]).photo == b"photo"


def test_base64_that_breaks_off_is_refused_by_its_fields_name():
    part = (b'Content-Disposition: form-data; name="prompt"\r\nContent-Transfer-Encoding: base64', b"R3Jvw")
    with pytest.raises(MalformedForm, match="prompt is not the base64"):
        read_form("multipart/form-data; boundary=x", [form(part)]).text("prompt")


def test_of_a_text_that_comes_twice_the_first_counts(service, photo):
    saturation = b'Content-Disposition: form-data; name="saturation"'
    body = form((PHOTO, photo), (saturation, b"0"), (saturation, b"2"))
    picture = Image.open(io.BytesIO(result(send(service, body, path="/colorize"))))
    assert picture.convert("YCbCr").getextrema()[1:] == ((128, 128), (128, 128))


@pytest.mark.parametrize("headers", [b"", b"\r\nContent-Type: text/plain; charset=utf-16"])
def test_a_text_that_is_none_is_refused_by_name(service, photo, headers):
    body = form((PHOTO, photo), (b'Content-Disposition: form-data; name="saturation"' + headers, b"\xff1\xdf"))
    assert "saturation" in assert_error(send(service, body, path="/colorize"), 400)
    assert_uploaded(send(service, body))  # there it means nothing
