"""A service whose pictures are in a bucket, over real HTTP: when the store fails, and where clients are sent to it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support import buckets
from tests.support.buckets import KEY, SECRET, JuiceFS, Silent
from tests.support.http import NO_SUCH_ID, assert_error
from tests.support.service import wait_until


@pytest.fixture
def own_server(tmp_path):
    """An S3 server that a test may stop."""
    with JuiceFS(tmp_path / "juicefs") as server:
        yield server


def test_while_the_store_is_down_clients_are_asked_to_come_back_and_then_all_is_there(serve, own_server, gray_jpeg):
    service = serve(**own_server.settings)
    before = requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60).json()
    upload = requests.post(f"{service.url}/upload", files={"file": gray_jpeg}, timeout=60).json()
    picture = requests.get(before["download_url"], timeout=30).content
    own_server.kill()
    refused = [
        requests.get(before["download_url"], timeout=30),
        requests.get(f"{service.url}/uploads/{NO_SUCH_ID}.jpg", timeout=30),
        requests.get(f"{service.url}/download/{before['result_id']}", timeout=30),
        requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60),
        requests.post(f"{service.url}/upload", files={"file": gray_jpeg}, timeout=60),
        requests.post(f"{service.url}/colorize", data={"image_id": upload["image_id"]}, timeout=60),
    ]
    for response in refused:
        assert_error(response, 503)
        assert response.headers["Retry-After"] == "5"
    own_server.start()
    assert requests.get(before["download_url"], timeout=30).content == picture

    def colorized() -> bool:
        return requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60).status_code == 200

    wait_until(colorized, 30)
    assert "it cannot be reached" in service.log()
    assert SECRET not in service.log() and KEY not in service.log()


def test_a_store_that_says_nothing_costs_clients_seconds_and_takes_nobody_elses_thread(serve, gray_jpeg):
    with Silent() as silent:
        service = serve(THREADS=2, **silent.settings)
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            picture = f"{service.url}/results/{NO_SUCH_ID}.jpg"
            asked = [pool.submit(requests.get, picture, timeout=30) for _ in range(8)]
            time.sleep(1)
            assert requests.get(f"{service.url}/health", timeout=3).status_code == 200
            for each in asked:
                assert_error(each.result(), 503)
                assert each.result().headers["Retry-After"] == "5"
        assert time.monotonic() - began < 20
        assert_error(requests.post(f"{service.url}/upload", files={"file": gray_jpeg}, timeout=15), 503)


def test_a_service_whose_bucket_refuses_it_says_so_in_its_log_and_nothing_of_its_keys(serve, bucket_server, gray_jpeg):
    service = serve(**buckets.settings_of(bucket_server.url, secret="another-secret"))
    assert_error(requests.post(f"{service.url}/upload", files={"file": gray_jpeg}, timeout=60), 503)
    assert_error(requests.get(f"{service.url}/results/{NO_SUCH_ID}.jpg", timeout=30), 503)
    assert "403 Forbidden SignatureDoesNotMatch" in service.log()
    assert "another-secret" not in service.log() and KEY not in service.log() and "Traceback" not in service.log()


def test_a_colorized_upload_is_that_of_the_photo_itself_also_from_a_bucket(api_by_fleet, gray_jpeg):
    upload = {"image_id": api_by_fleet.post("/upload", gray_jpeg).json()["image_id"]}
    by_id, by_file = (
        requests.get(response.json()["download_url"], timeout=30).content
        for response in (api_by_fleet.post("/colorize", data=upload), api_by_fleet.post("/colorize", gray_jpeg))
    )
    assert by_id == by_file


def test_public_pictures_come_from_the_bucket_itself_where_the_operator_wants_that(serve, bucket_server, gray_jpeg):
    service = serve(STORAGE_REDIRECT="on", **bucket_server.settings)
    answer = requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60).json()
    url = answer["download_url"]
    way = requests.get(url, allow_redirects=False, timeout=30)
    assert (way.status_code, way.headers["Cache-Control"]) == (302, "public, max-age=300")
    assert way.headers["Location"].startswith(f"{bucket_server.url}/pictures/some/prefix/results/")
    direct = requests.get(url, timeout=30)
    unsigned = [each.partition("?")[0] for each in (direct.url, way.headers["Location"])]  # each has its own date
    assert unsigned[0] == unsigned[1] and direct.headers["Content-Type"] == "image/jpeg"
    # The page of this very site may load pictures from nowhere else, and a download is for who has a token.
    proxied = requests.get(url, headers={"Sec-Fetch-Site": "same-origin"}, allow_redirects=False, timeout=30)
    download = requests.get(f"{service.url}/download/{answer['result_id']}", allow_redirects=False, timeout=30)
    assert (proxied.status_code, download.status_code) == (200, 200)
    assert direct.content == proxied.content == download.content
    assert "Sec-Fetch-Site" in way.headers["Vary"] and "Sec-Fetch-Site" in proxied.headers["Vary"]
    assert_error(requests.get(f"{service.url}/results/{NO_SUCH_ID}.jpg", timeout=30), 404)
    assert requests.head(url, timeout=30).headers["Content-Length"] == str(len(direct.content))
