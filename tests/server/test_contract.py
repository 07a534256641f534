"""Each row of the contract, over real HTTP against the real Gunicorn, directly and through nginx."""

import io
import json
import re
import socket
import threading
import time
import uuid
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import encode

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"


def assert_error(response: requests.Response, status: int) -> str:
    """It has the status and the form of every error; returns its sentence."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["detail"]
    sentence = response.json()["detail"]
    assert sentence and sentence[-1] == "." and "Traceback" not in sentence
    return sentence


def exchange(url: str, request: bytes) -> tuple[int, dict, bytes]:
    """Send raw bytes; the answer's status, headers and body."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(request)
        return read_answer(client)


def read_answer(client: socket.socket) -> tuple[int, dict, bytes]:
    with client.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, stream.read(int(headers["content-length"]))


# --- success ---------------------------------------------------------------------------------------------------------


def test_health_tells_a_client_that_the_model_is_loaded(api):
    response = requests.get(f"{api.url}/health", timeout=5)
    assert response.status_code == 200
    assert response.json() == {"status": "healthy", "model_loaded": True}


def test_colorize_answers_with_exactly_the_documented_keys_and_working_links(api, gray_jpeg):
    response = api.post("/colorize", gray_jpeg)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert set(answer) == {"success", "result_id", "download_url", "api_download_url", "filename"}
    result_id = answer["result_id"]
    assert UUID4.fullmatch(result_id)
    assert answer == {
        "success": True,
        "result_id": result_id,
        "filename": f"{result_id}.jpg",
        "download_url": f"{api.url}/results/{result_id}.jpg",
        "api_download_url": f"{api.url}/download/{result_id}",
    }
    public = requests.get(answer["download_url"], timeout=5)
    private = requests.get(answer["api_download_url"], headers=api.headers, timeout=5)
    assert public.status_code == private.status_code == 200
    assert public.headers["Content-Type"] == private.headers["Content-Type"] == "image/jpeg"
    assert public.content == private.content
    assert private.headers["Content-Disposition"].startswith("attachment")
    assert f"{result_id}.jpg" in private.headers["Content-Disposition"]


def test_upload_answers_with_exactly_the_documented_keys_and_a_working_link(api, gray_jpeg):
    answer = api.post("/upload", gray_jpeg).json()
    image_id = answer["image_id"]
    assert UUID4.fullmatch(image_id)
    assert answer == {
        "success": True,
        "image_id": image_id,
        "image_url": f"{api.url}/uploads/{image_id}.jpg",
        "filename": f"{image_id}.jpg",
    }
    picture = requests.get(answer["image_url"], timeout=5)
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (451, 300)


def test_the_result_is_the_photo_in_colour_with_its_own_size_and_luminance(api, gray_photo, gray_jpeg):
    url = api.post("/colorize", gray_jpeg).json()["download_url"]
    result = Image.open(io.BytesIO(requests.get(url, timeout=5).content))
    assert (result.format, result.mode, result.size) == ("JPEG", "RGB", gray_photo.size)
    pixels = np.asarray(result).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 5, "the result is gray"
    off = np.abs(np.asarray(result.convert("L")).astype(int) - np.asarray(gray_photo).astype(int))
    assert off.mean() < 2 and np.percentile(off, 99.9) <= 12


def test_each_call_gets_a_new_id_and_the_same_photo_the_same_result(api, gray_jpeg):
    first, second = (api.post("/colorize", gray_jpeg).json() for _ in range(2))
    assert first["result_id"] != second["result_id"]
    assert (
        requests.get(first["download_url"], timeout=5).content
        == requests.get(second["download_url"], timeout=5).content
    )


def test_a_colour_photo_is_treated_as_its_grayscale(api):
    pixels = np.zeros((64, 64, 3), np.uint8) + np.array([[[200, 60, 40]]], np.uint8)
    colour = Image.fromarray(pixels)
    results = [
        requests.get(api.post("/colorize", encode(image, "PNG")).json()["download_url"], timeout=5).content
        for image in (colour, colour.convert("L"))
    ]
    assert results[0] == results[1]


def test_stored_pictures_give_away_no_metadata_and_stand_upright(api, gray_photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[1] = "N"
    photo = encode(gray_photo, "JPEG", exif=exif, comment=b"SECRETCOMMENT")
    for path, link in (("/upload", "image_url"), ("/colorize", "download_url")):
        content = requests.get(api.post(path, photo).json()[link], timeout=5).content
        stored = Image.open(io.BytesIO(content))
        assert stored.size == (300, 451)
        assert not stored.getexif() and "comment" not in stored.info and b"SECRET" not in content


def test_the_declared_name_and_type_of_a_file_do_not_matter(api, gray_photo):
    files = {"file": ("../../evil.txt", encode(gray_photo, "PNG"), "text/html")}
    response = requests.post(f"{api.url}/colorize", files=files, headers=api.headers, timeout=60)
    assert response.status_code == 200


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result(api, gray_jpeg):
    answer = api.post("/colorize", gray_jpeg).json()
    return answer["download_url"], requests.get(answer["download_url"], timeout=5)


def test_public_files_may_be_kept_for_ever_and_shown_on_any_site(result):
    _, response = result
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert re.fullmatch(r'"[^"]+"', response.headers["ETag"]), "the ETag must be strong"


def test_a_download_may_be_kept_by_its_client_and_by_no_cache_on_the_way(api, result):
    name = result[0].rpartition("/")[2].removesuffix(".jpg")
    response = api.get(f"/download/{name}")
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_pages_of_other_origins_can_read_the_headers_that_they_need(api, result):
    for url in (result[0], f"{api.url}/health", f"{api.url}/missing"):
        response = requests.get(url, headers={"Origin": "https://example.com"}, timeout=5)
        exposed = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed == {"Content-Disposition", "ETag", "Retry-After", "X-Request-ID"}


def test_a_browser_that_has_the_file_is_not_sent_it_again(result):
    url, response = result
    again = requests.get(url, headers={"If-None-Match": response.headers["ETag"]}, timeout=5)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.get(url, headers={"If-None-Match": '"other"'}, timeout=5).status_code == 200


def test_an_interrupted_download_can_be_continued(result):
    url, response = result
    part = requests.get(url, headers={"Range": "bytes=100-299"}, timeout=5)
    assert (part.status_code, part.content) == (206, response.content[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(response.content)}"
    stale = requests.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'}, timeout=5)
    assert (stale.status_code, stale.content) == (200, response.content)
    beyond = requests.get(url, headers={"Range": f"bytes={len(response.content)}-"}, timeout=5)
    assert_error(beyond, 416)


def test_a_picture_is_not_sent_where_another_was_asked_for(result):
    assert_error(requests.get(result[0], headers={"If-Match": '"other"'}, timeout=5), 412)
    for good in ("*", result[1].headers["ETag"], f'"other", {result[1].headers["ETag"]}'):
        assert requests.get(result[0], headers={"If-Match": good}, timeout=5).content == result[1].content


def test_head_tells_a_files_size_without_sending_it(result):
    url, response = result
    head = requests.head(url, timeout=5)
    assert head.status_code == 200 and head.content == b""
    assert int(head.headers["Content-Length"]) == len(response.content)
    assert head.headers["ETag"] == response.headers["ETag"]
    assert requests.head(url, headers={"Range": "bytes=0-9"}, timeout=5).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/results/{NO_SUCH_ID}.jpg",
        f"/uploads/{NO_SUCH_ID}.jpg",
        f"/results/{NO_SUCH_ID}",
        f"/results/{NO_SUCH_ID}.png",
        "/results/..%2f..%2fetc%2fpasswd",
        "/results/%2e%2e/%2e%2e/etc/passwd",
        "/results/.tmp",
        "/results/",
        "/uploads",
        "/results/00000000-0000-1000-8000-000000000000.jpg",
        "/results/%00.jpg",
        "/results/lock.jpg",
        "/results/a%0d%0ab.jpg",
        "/nothing",
        "/.errors/503",
        "/health/",
        "/%ff",
        "/download/",
        "/colorize/x",
    ],
)
def test_what_is_not_there_is_404_whatever_it_would_name_on_the_disk(api, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    status, headers, body = exchange(api.url, request)
    # nginx itself refuses, as malformed, what climbs out of the root or has a zero byte.
    assert status in ((404, 400) if api.through == "nginx" else (404,))
    assert headers["content-type"] == "application/json"
    assert list(json.loads(body)) == ["detail"]


def test_an_id_in_another_form_is_404(api, gray_jpeg):
    result_id = api.post("/colorize", gray_jpeg).json()["result_id"]
    for form in (
        result_id.upper(),
        result_id.replace("-", ""),
        "{" + result_id + "}",
        f"urn:uuid:{result_id}",
        f"{result_id}.jpg",
        f" {result_id}",
    ):
        assert_error(api.get(f"/download/{form}"), 404)
    assert_error(api.get(f"/uploads/{result_id}.jpg"), 404)
    assert_error(api.get(f"/results/{result_id}.JPG"), 404)
    assert_error(api.get(f"/download/{uuid.uuid4()}"), 404)


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
        "100 kB long": keys.token(extra="x" * 100_000),
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
        "100 kB long",
    ],
)
def test_a_client_without_a_valid_token_is_refused(api, gray_jpeg, kind):
    token = bad_tokens(api.keys)[kind]
    headers = {} if token is None else {"X-Firebase-AppCheck": token}
    assert_error(api.post("/upload", gray_jpeg, headers=headers), 401)
    assert_error(api.post("/colorize", gray_jpeg, headers=headers), 401)
    assert_error(api.get(f"/download/{NO_SUCH_ID}", headers=headers), 401)


def test_the_token_is_judged_before_anything_else_about_the_request(api):
    assert_error(api.post("/colorize", headers={}), 401)
    assert_error(api.post("/colorize", b"x" * 5_000_000, headers={}), 401)
    assert_error(api.get("/download/not-an-id", headers={}), 401)
    assert_error(requests.post(f"{api.url}/upload", data=b"not a form", timeout=10), 401)


@pytest.mark.parametrize("path", ["/upload", "/colorize"])
def test_the_token_is_judged_before_the_body_is_sent(api, path):
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 3000000\r\n\r\n"
    ).encode()
    status, _, body = exchange(api.url, request)
    assert status == 401 and json.loads(body)["detail"]


def test_health_and_files_need_no_token(api, result):
    assert requests.get(f"{api.url}/health", timeout=5).status_code == 200
    assert requests.get(result[0], timeout=5).status_code == 200


# --- bad input -------------------------------------------------------------------------------------------------------


def test_each_bad_upload_gets_a_sentence_that_says_what_is_wrong(api, gray_photo, gray_jpeg):
    for path in ("/upload", "/colorize"):
        assert "'file'" in assert_error(api.post(path), 400)
        assert "'file'" in assert_error(api.post(path, data={"file": "text"}), 400)
        assert "'file'" in assert_error(
            requests.post(api.url + path, files={"photo": gray_jpeg}, headers=api.headers, timeout=10), 400
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
        ("DELETE", "/results/x.jpg"),
        ("BREW", "/health"),
    ):
        response = requests.request(method, api.url + path, headers=api.headers, timeout=5)
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


# --- browsers and proxies --------------------------------------------------------------------------------------------


def test_a_page_of_any_origin_may_call_with_a_token(api, gray_jpeg):
    origin = {"Origin": "https://example.com"}
    preflight = requests.options(
        f"{api.url}/colorize",
        timeout=5,
        headers=origin
        | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-firebase-appcheck"},
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "x-firebase-appcheck" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for response in (
        api.post("/colorize", gray_jpeg, headers=api.headers | origin),
        api.post("/colorize", headers=origin),
        api.get("/nothing", headers=origin),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_request_keeps_its_id_and_gets_one_if_it_has_none(api):
    given = requests.get(f"{api.url}/health", headers={"X-Request-ID": "my-id_1"}, timeout=5)
    assert given.headers["X-Request-ID"] == "my-id_1"
    forged = requests.get(f"{api.url}/health", headers={"X-Request-ID": 'a" b'}, timeout=5)
    assert re.fullmatch(r"[0-9a-f]{32}", forged.headers["X-Request-ID"])


@pytest.mark.parametrize("host", [b"a b", b"", b"x/y"])
def test_a_photo_is_not_stored_when_no_link_to_it_could_be_made(api, gray_jpeg, host):
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + gray_jpeg + b"\r\n--x--\r\n"
    status, _, answer = exchange(
        api.url,
        b"POST /upload HTTP/1.1\r\nHost: %s\r\nX-Firebase-AppCheck: %s\r\n"
        b"Content-Length: %d\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
        % (host, api.keys.token().encode(), len(body))
        + body,
    )
    assert status == 400 and list(json.loads(answer)) == ["detail"]


def test_a_client_cannot_choose_the_links_by_claiming_to_be_a_proxy(api, gray_jpeg):
    claims = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Ssl": "on",
        "Forwarded": "host=evil.example",
    }
    answer = api.post("/upload", gray_jpeg, headers=api.headers | claims).json()
    assert answer["image_url"].startswith(f"{api.url}/uploads/")


def test_the_log_has_one_line_for_a_request_and_never_a_token(api, gray_jpeg):
    headers = api.headers | {"X-Request-ID": f"log-{uuid.uuid4()}"}
    api.post("/colorize", gray_jpeg, headers=headers)
    lines = [json.loads(line) for line in api.service.log().splitlines() if headers["X-Request-ID"] in line]
    assert len(lines) == 1
    fields = lines[0]
    assert (fields["method"], fields["path"], fields["status"]) == ("POST", "/colorize", 200)
    assert fields["bytes_in"] > len(gray_jpeg) and fields["bytes_out"] > 100
    assert fields["ms"] >= fields["work_ms"] >= fields["engine_ms"] > 0
    assert headers["X-Firebase-AppCheck"][-40:] not in api.service.log()


def test_many_clients_at_once_all_get_their_own_photo(api, gray_photo):
    sizes, wrong = [(100 + 10 * i, 90 + i) for i in range(8)], []

    def client(size):
        url = api.post("/colorize", encode(gray_photo.resize(size), "PNG")).json()["download_url"]
        if Image.open(io.BytesIO(requests.get(url, timeout=5).content)).size != size:
            wrong.append(size)

    threads = [threading.Thread(target=client, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
