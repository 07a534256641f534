"""What the contract refuses, over real HTTP, directly and through nginx: tokens, bad input, clients still sending."""

import json
import time

import pytest
import requests
from PIL import Image

from tests.conftest import encode
from tests.support.http import NO_SUCH_ID, assert_error, exchange

# --- tokens ----------------------------------------------------------------------------------------------------------


def bad_tokens(keys) -> dict[str, str | None]:
    now = int(time.time())
    return {
        "missing": None,
        "empty": "",
        "malformed": "abc",
        "expired": keys.token(exp=now - 60),
        "of another project": keys.token(aud=["projects/other"]),
        "of another issuer": keys.token(iss="https://x/"),
        "signed with another key": keys.sign(keys.claims(), number=99),
        "cut off": keys.token()[:-20],
        "40 kB long": keys.token(extra="x" * 30_000),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "empty",
        "malformed",
        "expired",
        "of another project",
        "of another issuer",
        "signed with another key",
        "cut off",
        "40 kB long",
    ],
)
def test_a_client_without_a_valid_token_is_refused(api, gray_jpeg, kind):
    token = bad_tokens(api.keys)[kind]
    headers = {} if token is None else {"X-Firebase-AppCheck": token}
    assert_error(api.post("/upload", gray_jpeg, headers=headers), 401)
    assert_error(api.post("/colorize", gray_jpeg, headers=headers), 401)
    assert_error(api.get(f"/download/{NO_SUCH_ID}", headers=headers), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Firebase-AppCheck": "a" * 100_000},
        {"X-Long": "a" * 17_000},
        {f"X-{number}": "a" * 10_000 for number in range(8)},
        {f"X-{number}": "a" for number in range(120)},
    ],
    ids=["token", "one", "together", "many"],
)
def test_headers_that_are_too_long_are_refused_with_a_sentence(api, headers):
    sentence = assert_error(api.get("/health", headers=headers), 431)
    assert "headers" in sentence and "too long" in sentence


def test_headers_as_large_as_they_may_be_are_read(api):
    large = {"X-Long": "a" * 16_000} | {f"X-{number}": "a" * 600 for number in range(70)}
    assert api.get("/health", headers=large).status_code == 200
    assert api.get("/health", headers={"X-Firebase-AppCheck": "a" * 50_000}).status_code == 200


def test_the_token_is_judged_before_anything_else_about_the_request(api):
    assert_error(api.post("/colorize", headers={}), 401)
    assert_error(api.post("/colorize", b"x" * 5_000_000, headers={}), 401)
    assert_error(api.get("/download/not-an-id", headers={}), 401)
    assert_error(requests.post(f"{api.url}/upload", data=b"not a form", timeout=30), 401)


@pytest.mark.parametrize("path", ["/upload", "/colorize"])
def test_the_token_is_judged_before_the_body_is_sent(api, path):
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 3000000\r\n\r\n"
    ).encode()
    status, _, body = exchange(api.url, request)
    assert status == 401 and json.loads(body)["detail"]


def test_health_and_files_need_no_token(api, result):
    assert requests.get(f"{api.url}/health", timeout=30).status_code == 200
    assert requests.get(result[0], timeout=30).status_code == 200


# --- bad input -------------------------------------------------------------------------------------------------------


def test_each_bad_upload_gets_a_sentence_that_says_what_is_wrong(api, gray_photo, gray_jpeg):
    for path in ("/upload", "/colorize"):
        assert "'file'" in assert_error(api.post(path), 400)
        assert "'file'" in assert_error(api.post(path, data={"file": "text"}), 400)
        assert "'file'" in assert_error(
            requests.post(api.url + path, files={"photo": gray_jpeg}, headers=api.headers, timeout=30), 400
        )
        assert "'file'" in assert_error(api.post(path, json={"file": "x"}), 400)
        assert "empty" in assert_error(api.post(path, b""), 400)
        assert_error(api.post(path, b"this is no picture at all"), 400)
        assert_error(api.post(path, gray_jpeg[: len(gray_jpeg) // 2]), 400)
        assert "pixels" in assert_error(api.post(path, encode(Image.new("L", (2001, 2000)), "PNG")), 400)
        assert "4000000 bytes" in assert_error(api.post(path, bytes(4_100_000)), 413)


def test_a_form_that_is_broken_is_the_clients_fault(api):
    for content_type, body in (
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"junk"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name="),
        ("multipart/form-data; boundary=" + "y" * 500, b"--x--"),
        ("", b"junk"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n" * 5000),
    ):
        response = requests.post(
            f"{api.url}/colorize", data=body, timeout=10, headers=api.headers | {"Content-Type": content_type}
        )
        assert response.status_code in (400, 413), response.text
        assert list(response.json()) == ["detail"]


def test_a_body_without_a_declared_length_is_read_and_limited_all_the_same(api, gray_jpeg):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    headers = api.headers | {"Content-Type": "multipart/form-data; boundary=x"}
    pieces = [head, gray_jpeg, b"\r\n--x--\r\n"]
    assert requests.post(f"{api.url}/colorize", data=iter(pieces), headers=headers, timeout=60).status_code == 200
    endless = iter([head] + [bytes(100_000)] * 60)
    assert_error(requests.post(f"{api.url}/colorize", data=endless, headers=headers, timeout=60), 413)


def test_a_wrong_method_is_405_and_names_the_right_ones(api):
    for method, path in (
        ("GET", "/colorize"),
        ("PUT", "/upload"),
        ("POST", "/health"),
        ("PATCH", "/results/x.jpg"),
        ("BREW", "/health"),
    ):
        response = requests.request(method, api.url + path, headers=api.headers, timeout=30)
        assert_error(response, 405)
        assert response.headers["Allow"]


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /health\xff HTTP/9.9",
        b"nonsense",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1",
        b"G\x00T / HTTP/1.1",
        b"POST /colorize HTTP/1.1\r\nContent-Length: x",
        b"GET /health HTTP/1.1\r\nX-Long: " + b"a" * 600_000,
    ],
)
def test_a_request_that_is_not_http_gets_json_too(api, request_line):
    status, headers, body = exchange(api.url, request_line + b"\r\nHost: x\r\n\r\n")
    assert 400 <= status < 600 and headers["content-type"] == "application/json"
    assert list(json.loads(body)) == ["detail"]


SPELLINGS = [
    "//health",
    "/%2Fhealth",
    "//",
    "/health/",
    "/HEALTH",
    "/./health",
    "/x/../health",
    "/%68ealth",
    "/health%20",
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_an_address_has_one_spelling_so_that_a_proxys_rule_for_it_holds(api, path):
    status, _, body = exchange(api.url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert status == 404 and list(json.loads(body)) == ["detail"]


# --- a client that is still sending ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (None, 413)])
@pytest.mark.parametrize("declared", [True, False])
def test_a_client_that_is_still_sending_can_read_its_refusal(api, headers, status, declared):
    pieces = [bytes(1_000_000)] * 64
    body = Sized(pieces) if declared else iter(pieces)
    headers = (api.headers if headers is None else headers) | {"Content-Type": "multipart/form-data; boundary=x"}
    assert_error(requests.post(f"{api.url}/colorize", data=body, headers=headers, timeout=60), status)


class Sized:
    """A body of a known length that is sent piece by piece."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self.len = sum(map(len, pieces))

    def __iter__(self):
        return self._pieces
