"""No answer repeats a client's long text: neither in a sentence nor, cut up, in the whole of it."""

import io
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from colorize_service.options import OPTIONS
from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings
from tests.conftest import encode
from tests.support.linear_bundle import write_bundle
from tests.support.service import wait_until

#: Characters of a client's text that an answer may repeat.
MOST = 100
LONG = "".join(chr(ord("a") + number * number % 26) + str(number) for number in range(8_000))
PHOTO = encode(Image.new("L", (4, 4)), "PNG")


def _client(folder, **settings):
    app = create_app(Settings(storage_dir=folder, metrics_port=0, **settings))
    client = app.test_client()
    wait_until(lambda: client.get("/health").status_code == 200, 30)
    return client


@pytest.fixture(scope="module")
def hinted(tmp_path_factory):
    return _client(tmp_path_factory.mktemp("storage"), app_check=False, max_upload_bytes=2**20)


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    bundle = write_bundle(tmp_path_factory.mktemp("bundle"))
    return _client(tmp_path_factory.mktemp("storage"), app_check=False, model_bundle=bundle, device="cpu")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    return _client(tmp_path_factory.mktemp("storage"), app_check=True, firebase_project_id="my-project")


def assert_no_echo(answer, text: str) -> None:
    body = answer.get_data(as_text=True)
    pieces = [body[at : at + MOST + 1] for at in range(len(body) - MOST)]
    assert not [piece for piece in pieces if piece in text], body[:300]


@pytest.mark.parametrize("field", [*OPTIONS, "image_id", "file", "unheard_of"])
@pytest.mark.parametrize("model", ["hinted", "prompted"])
def test_the_value_of_a_field_is_not_sent_back(request, model, field):
    client = request.getfixturevalue(model)
    hints = json.dumps([{LONG: 1}]), json.dumps([{"x": 0, "y": 0, "color": LONG}])
    for value in (LONG, "1" * 20_000, f"[{LONG}]", *hints):
        photo = {} if field in ("image_id", "file") else {"file": (io.BytesIO(PHOTO), "photo.png")}
        assert_no_echo(client.post("/colorize", data=photo | {field: value}), value)


@pytest.mark.parametrize("key", ["colour", LONG])
def test_a_wrong_hint_is_still_named(hinted, key):
    hints = json.dumps([{"x": 0, "y": 0, "color": "#000000", key: 1}])
    answer = hinted.post("/colorize", data={"file": (io.BytesIO(PHOTO), "photo.png"), "hints": hints})
    assert answer.status_code == 400 and f"hints[0].{key[:30]}" in answer.get_json()["detail"]


PART_HEADERS = ["X-Other", "name", "filename", "Content-Type", "charset", "Content-Transfer-Encoding"]


@pytest.mark.parametrize("name", PART_HEADERS)
def test_the_headers_of_a_part_are_not_sent_back(hinted, name):
    text = LONG[:16_000]
    headers = {
        "Content-Disposition": f'form-data; name="{text if name == "name" else "prompt"}"',
        "Content-Type": f"text/plain; charset={text}" if name == "charset" else "text/plain",
    }
    if name == "filename":
        headers["Content-Disposition"] += f'; filename="{text}"'
    elif name not in ("name", "charset"):
        headers[name] = text
    head = "".join(f"{each}: {value}\r\n" for each, value in headers.items())
    body = f"--x\r\n{head}\r\n\xff\r\n--x--\r\n".encode("latin-1")
    assert_no_echo(hinted.post("/colorize", data=body, content_type="multipart/form-data; boundary=x"), text)


@pytest.mark.parametrize(
    "header",
    [
        *("Host", "X-Firebase-AppCheck", "Content-Encoding", "Accept", "Range", "If-Match", "X-Request-ID", "Origin"),
        *("Expect", "Prefer", "Idempotency-Key", "Authorization", "Cookie", "Content-Type"),
    ],
)
def test_headers_are_not_sent_back(hinted, guarded, header):
    for client in (hinted, guarded):
        for path in ("/colorize", "/upload", "/nowhere", "/results/x.jpg"):
            assert_no_echo(client.post(path, data=b"x", headers={header: LONG}), LONG)
            assert_no_echo(client.get(path, headers={header: LONG}), LONG)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=MOST + 1, max_size=2 * MOST),
    st.sampled_from(["/{}", "/results/x.jpg?{}", "/download/{}"]),
)
def test_addresses_are_not_sent_back(hinted, text, path):
    assert_no_echo(hinted.get(path.format(quote(text, safe=""))), text)
