"""Each row of the contract, over real HTTP against the real Gunicorn, directly and through nginx: what succeeds, and
what browsers, proxies and operators see. Files and refusals: test_contract_files.py, test_contract_refusals.py."""

import io
import json
import re
import threading
import uuid

import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import encode
from tests.support.http import exchange

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


# --- success ---------------------------------------------------------------------------------------------------------


def test_health_tells_a_client_that_the_model_is_loaded(api):
    response = requests.get(f"{api.url}/health", timeout=30)
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
    public = requests.get(answer["download_url"], timeout=30)
    private = requests.get(answer["api_download_url"], headers=api.headers, timeout=30)
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
    picture = requests.get(answer["image_url"], timeout=30)
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (451, 300)


def test_the_result_is_the_photo_in_colour_with_its_own_size_and_luminance(api, gray_photo, gray_jpeg):
    url = api.post("/colorize", gray_jpeg).json()["download_url"]
    result = Image.open(io.BytesIO(requests.get(url, timeout=30).content))
    assert (result.format, result.mode, result.size) == ("JPEG", "RGB", gray_photo.size)
    pixels = np.asarray(result).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 5, "the result is gray"
    off = np.abs(np.asarray(result.convert("L")).astype(int) - np.asarray(gray_photo).astype(int))
    assert off.mean() < 2 and np.percentile(off, 99.9) <= 12


def test_each_call_gets_a_new_id_and_the_same_photo_the_same_result(api, gray_jpeg):
    first, second = (api.post("/colorize", gray_jpeg).json() for _ in range(2))
    assert first["result_id"] != second["result_id"]
    assert (
        requests.get(first["download_url"], timeout=30).content
        == requests.get(second["download_url"], timeout=30).content
    )


def test_a_colour_photo_is_treated_as_its_grayscale(api):
    pixels = np.zeros((64, 64, 3), np.uint8) + np.array([[[200, 60, 40]]], np.uint8)
    colour = Image.fromarray(pixels)
    results = [
        requests.get(api.post("/colorize", encode(image, "PNG")).json()["download_url"], timeout=30).content
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
        content = requests.get(api.post(path, photo).json()[link], timeout=30).content
        stored = Image.open(io.BytesIO(content))
        assert stored.size == (300, 451)
        assert not stored.getexif() and "comment" not in stored.info and b"SECRET" not in content


def test_the_declared_name_and_type_of_a_file_do_not_matter(api, gray_photo):
    files = {"file": ("../../evil.txt", encode(gray_photo, "PNG"), "text/html")}
    response = requests.post(f"{api.url}/colorize", files=files, headers=api.headers, timeout=60)
    assert response.status_code == 200


# --- browsers and proxies --------------------------------------------------------------------------------------------


def test_a_page_of_any_origin_may_call_with_a_token(api, gray_jpeg):
    origin = {"Origin": "https://example.com"}
    preflight = requests.options(
        f"{api.url}/colorize",
        timeout=30,
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
    given = requests.get(f"{api.url}/health", headers={"X-Request-ID": "my-id_1"}, timeout=30)
    assert given.headers["X-Request-ID"] == "my-id_1"
    forged = requests.get(f"{api.url}/health", headers={"X-Request-ID": 'a" b'}, timeout=30)
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
    lines = [line for line in lines if line["logger"] == "colorize.request"]  # a worker of a fleet has one of its own
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
        if Image.open(io.BytesIO(requests.get(url, timeout=30).content)).size != size:
            wrong.append(size)

    threads = [threading.Thread(target=client, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
