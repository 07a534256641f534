"""A form that cannot be read is told what is wrong, and one over a limit which limit that is. Over real HTTP."""

import base64
import contextlib
import gzip
import io
import json
import socket

import psutil
import pytest
import requests
from werkzeug.exceptions import HTTPException

from colorize_service.server.connection import body_pieces
from colorize_service.server.form import MOST_FIELDS, MOST_TEXT_BYTES
from colorize_service.server.held_bytes import HeldBytes
from colorize_service.server.multipart import MOST_HEADER_BYTES, MOST_HEADER_BYTES_TOGETHER
from tests.support.forms import HINTS, PHOTO, assert_uploaded, form, send, small
from tests.support.http import assert_error, exchange, read_answer


@pytest.fixture(scope="module")
def photo(gray_photo) -> bytes:
    return small(gray_photo)


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
        ("multipart/form-data; boundary=x", lambda part: b"--x\r\n" + PHOTO + b"\r\n" + form(part), "empty line"),
        ("multipart/form-data; boundary=x", lambda part: b"--x--\r\n", "no file"),
        ("multipart/form-data; boundary=x", lambda part: form(part, part), "two photos"),
        ("multipart/form-data; boundary=x", lambda part: form(part, (PHOTO[:45], b"text")), "two photos"),
        ("image/jpeg", lambda part: part[1], "multipart/form-data in the field 'file'"),
        ("application/json", lambda part: b'{"file": ""}', "multipart/form-data in the field 'file'"),
        ("application/x-www-form-urlencoded", form, "multipart/form-data in the field 'file'"),
        ("nonsense", form, "multipart/form-data in the field 'file'"),
        ("", form, "multipart/form-data in the field 'file'"),
    ],
)
def test_a_form_that_cannot_be_read_is_told_what_is_wrong(service, photo, content_type, body, said):
    assert said in assert_error(send(service, body((PHOTO, photo)), content_type), 400)


def test_base64_that_is_none_is_said(service, photo):
    body = form((PHOTO + b"\r\nContent-Transfer-Encoding: base64", base64.b64encode(photo)[:1001]))
    assert "base64" in assert_error(send(service, body), 400)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, identity"])
def test_a_compressed_body_is_refused_as_such(service, photo, coding):
    body = gzip.compress(form((PHOTO, photo)))
    for path in ("/upload", "/colorize"):
        assert "Content-Encoding" in assert_error(send(service, body, path=path, Content_Encoding=coding), 415)


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_that_says_that_it_is_not_compressed_is_read(service, photo, coding):
    assert_uploaded(send(service, form((PHOTO, photo)), Content_Encoding=coding))


def test_a_body_that_ends_before_its_length_is_called_cut_off(service, photo):
    body = form((PHOTO, photo))
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    for sent in (body[:-200], body):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % (len(body) + 10) + sent)
            client.shutdown(socket.SHUT_WR)
            status, _, answer = read_answer(client)
        assert status == 400 and "cut off" in json.loads(answer)["detail"]


def test_the_token_is_judged_before_the_form(api, photo):
    for headers in ({"Content-Encoding": "gzip"}, {"Content-Type": "multipart/form-data"}):
        assert_error(requests.post(f"{api.url}/upload", data=photo, headers=headers, timeout=30), 401)
        assert_error(
            requests.post(f"{api.url}/upload", data=photo, headers=headers | api.headers, timeout=30),
            (415 if "Content-Encoding" in headers else 400),
        )


def test_a_connection_stays_usable_after_a_form_that_could_not_be_read(service, photo):
    with requests.Session() as session:
        for body in (photo, form((PHOTO, photo), (PHOTO, photo)), form((PHOTO, photo)) + b"epilogue" * 100_000):
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            session.post(f"{service.url}/upload", data=body, headers=headers, timeout=10)
            good = session.post(f"{service.url}/upload", data=form((PHOTO, photo)), headers=headers, timeout=10)
            assert_uploaded(good)


# --- limits ----------------------------------------------------------------------------------------------------------


def unknown(count: int, size: int = 1, more: bytes = b"") -> list[tuple[bytes, bytes]]:
    """Parts without a meaning."""
    return [(b'Content-Disposition: form-data; name="a%d"' % number + more, b"a" * size) for number in range(count)]


def test_many_small_fields_of_a_clients_own_are_no_reason_to_refuse_its_photo(service, photo):
    assert_uploaded(send(service, form(*unknown(1_100), (PHOTO, photo))))
    assert_uploaded(send(service, form(*unknown(MOST_FIELDS - 1), (PHOTO, photo))))


def test_a_second_file_of_a_clients_own_may_be_large(service, photo):
    assert_uploaded(send(service, form(*unknown(2, 600_000, b'; filename="thumbnail.png"'), (PHOTO, photo))))


@pytest.mark.parametrize(
    ("parts", "limit"),
    [
        (lambda photo: [*unknown(MOST_FIELDS), photo], MOST_FIELDS),
        (lambda photo: [photo, *unknown(1, 600_000)], MOST_TEXT_BYTES),
        (lambda photo: [photo, (HINTS, b"[" * 600_000)], MOST_TEXT_BYTES),
        (lambda photo: [(HINTS + b'; filename="blob"', b"[" * 600_000), photo], MOST_TEXT_BYTES),
        (lambda photo: [photo, (HINTS, b"[]"), *unknown(3, 200_000)], MOST_TEXT_BYTES),
        (lambda photo: [photo, *unknown(1, 1, b'; filename="' + b"a" * 20_000 + b'"')], MOST_HEADER_BYTES),
        (lambda photo: [photo, *unknown(100, 1, b"\r\nX-A: " + b"a" * 15_000)], MOST_HEADER_BYTES_TOGETHER),
    ],
)
def test_the_limit_that_is_named_is_the_one_that_was_passed(service, photo, parts, limit):
    for path in ("/upload", "/colorize"):
        sentence = assert_error(send(service, form(*parts((PHOTO, photo))), path=path), 413)
        assert f" {limit} " in sentence


@pytest.mark.parametrize(("body", "limit"), [(b"a=" + b"b" * 600_000, MOST_TEXT_BYTES), (b"a&" * 3_000, MOST_FIELDS)])
def test_a_form_that_is_not_multipart_has_the_same_limits(service, body, limit):
    response = send(service, body, "application/x-www-form-urlencoded", "/colorize")
    assert f" {limit} " in assert_error(response, 413)


def test_a_body_over_the_limit_is_told_that_limit_whatever_it_is(serve, photo):
    service = serve(MAX_UPLOAD_BYTES=100_000)
    large = photo + bytes(100_000)
    for body in (form((PHOTO, large)), iter([form((PHOTO, large))])):
        assert "100000 bytes" in assert_error(send(service, body), 413)
    for content_type in ("image/jpeg", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert "100000 bytes" in assert_error(send(service, large, content_type), 413)
    assert_uploaded(send(service, form((PHOTO, photo))))


CHUNKED = (
    b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
)


def in_chunks(body: bytes, size: int, extension: bytes = b"") -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)


@pytest.mark.parametrize(
    ("size", "extension"), [(1, b""), (4, b";a" * 9), (64, b""), (1024, b";chunk-signature=" + b"a" * 64)]
)
def test_a_form_in_small_chunks_is_read(url, photo, size, extension):
    status, _, _ = exchange(url, CHUNKED + in_chunks(form((PHOTO, photo)), size, extension) + b"0\r\n\r\n")
    assert status == 200


@pytest.mark.parametrize(("size", "extension"), [(1, b""), (16, b";a" * 4000)])
@pytest.mark.parametrize("path", [b"/upload", b"/nothing"])
def test_a_body_that_is_mostly_the_lines_between_its_chunks_is_read_no_further(service, path, size, extension):
    """Each chunk takes processor time, and so it would go on for as long as a client likes, without a token too."""
    (worker,) = psutil.Process(service.pid).children()
    before = sum(worker.cpu_times()[:2])
    chunks, sent = in_chunks(bytes(10_000), size, extension), 0
    with socket.create_connection(("127.0.0.1", service.port), timeout=2) as client, contextlib.suppress(OSError):
        client.sendall(CHUNKED.replace(b"/upload", path))
        while sent < 50_000_000:
            sent += client.send(chunks)
    assert sent < 50_000_000
    assert sum(worker.cpu_times()[:2]) - before < 1


# --- other servers ---------------------------------------------------------------------------------------------------


def test_where_the_server_does_not_end_the_body_its_length_does():
    def read(most: int = 10, **environ: str) -> bytes:
        held = HeldBytes(2**20).share()
        return b"".join(body_pieces({"wsgi.input": io.BytesIO(b"0123456789")} | environ, most, held))

    assert read(CONTENT_LENGTH="4") == b"0123"
    assert read() == read(CONTENT_LENGTH="") == b""
    for environ in ({"CONTENT_LENGTH": "20", "most": 30}, {"CONTENT_LENGTH": "4", "most": 3}):
        with pytest.raises(HTTPException):
            read(**environ)
