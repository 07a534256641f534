"""What several modules ask of the service that App Check guards."""

import pytest
import requests

from tests.support.watched import form, start
from tests.support.worst import deep_jpeg2000, deep_tiff, swelling_png


@pytest.fixture(scope="module")
def result(api, gray_jpeg) -> tuple[str, requests.Response]:
    """A stored result: its public address, and the answer there."""
    url = api.post("/colorize", gray_jpeg).json()["download_url"]
    return url, requests.get(url, timeout=30)


@pytest.fixture(scope="module")
def watched(running, keys):
    """The service whose worker is watched, with low limits and short times; see tests/support/watched.py."""
    watched = start(running, keys)
    for _ in range(3):  # what is imported and kept with the first requests
        assert watched.post("/upload", form(file=swelling_png(200, 200))).status_code == 200
        assert watched.post("/colorize", form(file=deep_jpeg2000(200, 200))).status_code == 200
        assert watched.post("/colorize", form(file=deep_tiff(200, 200))).status_code == 200
        for path in ("/openapi.json", "/docs", "/metrics"):
            assert requests.get(watched.url + path, timeout=30).status_code == 200
    return watched
