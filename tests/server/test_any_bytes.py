"""Whatever a client sends over HTTP, he gets his picture or a sentence, and never an error of the server.

What becomes of each kind of picture is in tests/imaging/test_photo.py; here each kind of answer is met once.
"""

import io

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.pictures import MAX_PIXELS, PICTURES

GOOD = [picture for picture in PICTURES if not picture.error]
BY_NAME = {picture.name: picture for picture in PICTURES}
EACH_KIND = [
    "a photo from a camera",
    "a gray photo",
    "a magazine page of Adobe's inks",
    "a phone's photo held in way 6",
    "a turned WebP",
    "a JPEG whose end is missing",
    "a JPEG with broken tables",
    "a JPEG of 12 bits",
    "a JPEG of 4 thousand million pixels",
    "an empty file",
    "a text",
]


@pytest.fixture(scope="module")
def url(running):
    return running(MAX_PIXELS=MAX_PIXELS).url


def post(url: str, path: str, content: bytes) -> requests.Response:
    return requests.post(url + path, files={"file": ("x", content)}, timeout=60)


@pytest.mark.parametrize(("path", "link"), [("/upload", "image_url"), ("/colorize", "download_url")])
@pytest.mark.parametrize("name", EACH_KIND)
def test_over_http(url, path, link, name):
    picture = BY_NAME[name]
    response = post(url, path, picture.make())
    if picture.error:
        assert response.status_code == 400
        assert picture.error in response.json()["detail"]
    else:
        assert response.status_code == 200, response.text
        stored = Image.open(io.BytesIO(requests.get(response.json()[link], timeout=30).content))
        assert (stored.format, stored.size) == ("JPEG", picture.size)


@st.composite
def damaged(draw) -> bytes:
    """A good file with some bytes replaced, cut out or cut off."""
    content = bytearray(draw(st.sampled_from(GOOD)).make())
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, max(0, min(len(content) - 1, draw(st.sampled_from([64, 10**6]))))))
        content[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.one_of(st.binary(max_size=2000), damaged()), path=st.sampled_from(["/upload", "/colorize"]))
def test_no_bytes_whatever_break_the_server(url, path, content):
    response = post(url, path, content)
    assert response.status_code in (200, 400), response.text
    if response.status_code == 400:
        assert list(response.json()) == ["detail"]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=3000), boundary=st.sampled_from(["x", "", "-", "x" * 70]))
def test_no_form_whatever_breaks_the_server(url, body, boundary):
    response = requests.post(
        f"{url}/colorize", data=body, timeout=60, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    assert response.status_code in (400, 413), response.text
    assert list(response.json()) == ["detail"]
