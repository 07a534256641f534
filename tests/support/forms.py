"""Forms byte by byte, and the answers to them."""

import io

import requests
from PIL import Image

from tests.conftest import encode

PHOTO = b'Content-Disposition: form-data; name="file"; filename="a.jpg"'
HINTS = b'Content-Disposition: form-data; name="hints"'


def small(photo: Image.Image) -> bytes:
    """A JPEG of 60×40."""
    return encode(photo.resize((60, 40)), "JPEG", quality=92)


def form(*parts: tuple[bytes, bytes], boundary: bytes = b"x", line_end: bytes = b"\r\n") -> bytes:
    """A multipart body of parts, each with its header lines and its content."""
    written = [b"--" + boundary + line_end + headers + line_end * 2 + content + line_end for headers, content in parts]
    return b"".join(written) + b"--" + boundary + b"--" + line_end


def send(service, body, content_type="multipart/form-data; boundary=x", path="/upload", **headers) -> requests.Response:
    headers = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(service.url + path, data=body, headers=headers, timeout=60)


def assert_uploaded(response: requests.Response) -> None:
    assert response.status_code == 200, response.text
    picture = requests.get(response.json()["image_url"], timeout=30).content
    assert Image.open(io.BytesIO(picture)).size == (60, 40)


def result(response: requests.Response) -> bytes:
    assert response.status_code == 200, response.text
    return requests.get(response.json()["download_url"], timeout=30).content
