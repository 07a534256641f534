"""An end for pictures, over real HTTP: they are gone on time, and nobody was told to keep them longer."""

import os
import re
import time

import pytest
import requests

from tests.support.http import assert_error
from tests.support.service import Service, wait_until

DAY = 24 * 3600


def grow_older(service: Service, seconds: float) -> None:
    for path in service.storage.rglob("*-*-*-*-*"):
        about = path.stat()
        os.utime(path, (about.st_atime, about.st_mtime - seconds))


def max_age(response: requests.Response) -> int:
    assert response.status_code in (200, 206, 304), response.text
    return int(re.search(r"max-age=(\d+)", response.headers["Cache-Control"])[1])


def test_a_cache_is_promised_no_more_than_what_is_left(serve, gray_jpeg):
    service = serve(RETENTION_DAYS=30)
    answer = requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60).json()
    urls = (answer["download_url"], answer["api_download_url"])
    for days in (0, 20, 9):
        grow_older(service, days * DAY)
        left = 30 * DAY - {0: 0, 20: 20, 9: 29}[days] * DAY
        for url in urls:
            for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": f'"{answer["result_id"]}"'}):
                assert left - 60 <= max_age(requests.get(url, headers=headers, timeout=30)) <= left
    assert urls[0] and "public" in requests.get(urls[0], timeout=30).headers["Cache-Control"]


def test_a_picture_whose_time_is_over_is_gone_also_before_it_is_cleaned(serve, gray_jpeg):
    service = serve(RETENTION_DAYS=1.5)
    result = requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60)
    upload = requests.post(f"{service.url}/upload", files={"file": gray_jpeg}, timeout=60)
    grow_older(service, 1.5 * DAY + 1)
    for url in (result.json()["download_url"], result.json()["api_download_url"], upload.json()["image_url"]):
        assert_error(requests.get(url, timeout=30), 404)
        assert requests.head(url, timeout=30).status_code == 404
    image_id = {"image_id": upload.json()["image_id"]}
    assert_error(requests.post(f"{service.url}/colorize", data=image_id, timeout=60), 404)
    token = {"X-Delete-Token": result.headers["X-Delete-Token"]}
    assert_error(requests.delete(result.json()["download_url"], headers=token, timeout=30), 404)
    assert len(list(service.storage.rglob("*-*-*-*-*"))) == 3, "they wait for `colorize clean`"


@pytest.mark.parametrize("store", ["folder", "bucket"])
def test_a_link_ends_while_the_service_runs(serve, bucket_server, gray_jpeg, store):
    seconds = 8
    settings = bucket_server.settings if store == "bucket" else {}
    service = serve(RETENTION_DAYS=seconds / DAY, **settings)
    began = time.time()
    url = requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60).json()["download_url"]
    assert max_age(requests.get(url, timeout=30)) <= seconds
    wait_until(lambda: requests.get(url, timeout=30).status_code == 404, 30)
    assert time.time() - began >= seconds - 1  # a bucket tells the second, and not the fraction
    assert_error(requests.get(url, timeout=30), 404)


def test_a_link_into_the_bucket_is_good_for_no_longer_than_its_picture(serve, bucket_server, gray_jpeg):
    service = serve(RETENTION_DAYS=100 / DAY, STORAGE_REDIRECT="on", **bucket_server.settings)
    url = requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=60).json()["download_url"]
    way = requests.get(url, allow_redirects=False, timeout=30)
    assert int(re.search(r"X-Amz-Expires=(\d+)", way.headers["Location"])[1]) <= 100
    assert int(re.fullmatch(r"public, max-age=(\d+)", way.headers["Cache-Control"])[1]) <= 50
