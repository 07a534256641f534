"""Forms as phones, browsers, scripts and libraries write them: each gets its photo, corrected as it asks."""

import base64
import json
import quopri

import pytest
import requests

from tests.support.forms import HINTS, PHOTO, form, result, send, small

POINTS = json.dumps([{"x": 0.5, "y": 0.5, "color": "#2040d0"}]).encode()


@pytest.fixture(scope="module")
def photo(gray_photo) -> bytes:
    return small(gray_photo)


def _dart(photo: bytes) -> tuple[str, bytes]:
    """package:http's MultipartRequest with MultipartFile.fromBytes and no file name."""
    boundary = b"dart-http-boundary-3w+vVqLUa.xyz_0d1f-WZ+0oRk8UyGv3Tz1bqJ8m2c9"
    parts = [
        (b'content-disposition: form-data; name="hints"', POINTS),
        (b'content-type: application/octet-stream\r\ncontent-disposition: form-data; name="file"', photo),
    ]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _ios(photo: bytes) -> tuple[str, bytes]:
    """A body put together by hand for URLSession, as the tutorials have it."""
    boundary = b"Boundary-9F1C1D55-7B1E-4C5C-9C8B-0B1C9D6C8F11"
    body = b"\r\n--" + boundary + b'\r\nContent-Disposition: form-data; name="hints"\r\n\r\n' + POINTS + b"\r\n"
    body += b"\r\n--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="image.png"\r\n'
    body += b"Content-Type: image/png\r\n\r\n" + photo + b"\r\n--" + boundary + b"--\r\n"
    return f"multipart/form-data; boundary={boundary.decode()}", body


def _okhttp(photo: bytes) -> tuple[str, bytes]:
    """Each part has its length, texts have a type."""
    boundary = b"2d2b9d6e-8f0f-4f6a-9a0a-0b6c7c1a2f3e"
    hints = HINTS + b"\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d" % len(POINTS)
    parts = [(hints, POINTS), (PHOTO + b"\r\nContent-Type: image/*\r\nContent-Length: %d" % len(photo), photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _retrofit(photo: bytes) -> tuple[str, bytes]:
    """Retrofit's @Part with a converter."""
    transfer = b"\r\nContent-Transfer-Encoding: binary\r\nContent-Type: text/plain; charset=UTF-8"
    return "multipart/form-data; boundary=x", form((HINTS + transfer, POINTS), (PHOTO + transfer, photo))


def _browser(photo: bytes) -> tuple[str, bytes]:
    """FormData with the hints as a Blob of JSON."""
    boundary = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
    hints = HINTS + b'; filename="blob"\r\nContent-Type: application/json'
    parts = [(hints, POINTS), (PHOTO + b"\r\nContent-Type: image/jpeg", photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _node(photo: bytes) -> tuple[str, bytes]:
    """axios with the package form-data, given a Buffer without a file name."""
    boundary = b"--------------------------515890814546601021194782"
    parts = [(HINTS, POINTS), (b'Content-Disposition: form-data; name="file"\r\nContent-Type: image/jpeg', photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _dotnet(photo: bytes) -> tuple[str, bytes]:
    """HttpClient's MultipartFormDataContent."""
    boundary = b"3a2f8b1e-5d1c-4a6f-8f49-9b2f5d0c7a11"
    hints = b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=hints"
    file = b'Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=file; filename="=?utf-8?B?R3Jvw58uanBn?="'
    parts = [(hints, POINTS), (file + b"; filename*=utf-8''Gro%C3%9F.jpg", photo)]
    return f'multipart/form-data; boundary="{boundary.decode()}"', form(*parts, boundary=boundary)


def _aiohttp(photo: bytes) -> tuple[str, bytes]:
    """Its FormData: the type first."""
    hints = b"Content-Type: text/plain; charset=utf-8\r\n" + HINTS
    file = b"Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''Gro%C3%9F.jpg"
    return "multipart/form-data; boundary=7b0d", form((hints, POINTS), (file, photo), boundary=b"7b0d")


def _go(photo: bytes) -> tuple[str, bytes]:
    """mime/multipart's CreateFormFile."""
    boundary = b"9c2f6b1f0f9f1ef41ba4ff5f7d0a2ab8d4f5c4ef4c8d0ecd1f0c2bb1d3b7"
    parts = [(HINTS, POINTS), (PHOTO + b"\r\nContent-Type: application/octet-stream", photo)]
    return f"multipart/form-data; boundary={boundary.decode()}", form(*parts, boundary=boundary)


def _java(photo: bytes) -> tuple[str, bytes]:
    """Apache's HttpClient in its strict mode."""
    text = b"\r\nContent-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit"
    binary = b"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary"
    return "multipart/form-data; boundary=x", form((HINTS + text, POINTS), (PHOTO + binary, photo))


def _spring(photo: bytes) -> tuple[str, bytes]:
    """RestTemplate with a ByteArrayResource."""
    hints = HINTS + b"\r\nContent-Type: application/json\r\nContent-Length: %d" % len(POINTS)
    parts = [(hints, POINTS), (b'Content-Disposition: form-data; name="file"', photo)]
    return "multipart/form-data;charset=UTF-8;boundary=q1w2", form(*parts, boundary=b"q1w2")


def _indy(photo: bytes) -> tuple[str, bytes]:
    """Delphi's TIdMultiPartFormDataStream."""
    text = b"\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable"
    binary = b"\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: binary"
    parts = [(HINTS + text, quopri.encodestring(POINTS)), (PHOTO + binary, photo)]
    return "multipart/form-data; boundary=--------112318125843211", form(*parts, boundary=b"--------112318125843211")


def _python_mail(photo: bytes) -> tuple[str, bytes]:
    """email.mime's MIMEMultipart, which encodes what is in it."""
    encoded = b"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64"
    parts = [(HINTS + encoded, base64.encodebytes(POINTS)), (PHOTO + encoded, base64.encodebytes(photo))]
    boundary = b"===============5474352891354654379=="
    body = form(*parts, boundary=boundary, line_end=b"\n")
    return f'multipart/form-data; boundary="{boundary.decode()}"', body


def _shell(photo: bytes) -> tuple[str, bytes]:
    """A file for wget's --post-file, put together with echo and cat."""
    return "multipart/form-data; boundary=FILEUPLOAD", form(
        (b'Content-Disposition: form-data; name="hints"', POINTS),
        (b'Content-Disposition: form-data; name="file"; filename="a.jpg"\nContent-Type: image/jpeg', photo),
        boundary=b"FILEUPLOAD",
        line_end=b"\n",
    )


@pytest.fixture(scope="module")
def hinted(service, photo) -> bytes:
    """The result that every client is to get."""
    files, data = {"file": ("a.jpg", photo)}, {"hints": POINTS.decode()}
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


@pytest.mark.parametrize(
    "headers",
    [
        HINTS + b'; filename="blob"\r\nContent-Type: application/json',
        HINTS + b'; filename="hints.json"\r\nContent-Type: application/octet-stream',
        HINTS + b'; filename=""',
        HINTS + b"; filename*=utf-8''%FF",
        HINTS + b"\r\nContent-Type: image/jpeg",
        HINTS + b"\r\nContent-Type: text/plain; charset=no-such",
        HINTS + b"\r\nContent-Type: text/plain; charset=unicode_escape",
    ],
)
def test_a_correction_counts_whatever_its_part_is_called(service, photo, hinted, headers):
    body = form((PHOTO, photo), (headers, POINTS))
    assert result(send(service, body, path="/colorize")) == hinted
