"""What several modules ask of the service that App Check guards."""

import pytest
import requests


@pytest.fixture(scope="module")
def result(api, gray_jpeg) -> tuple[str, requests.Response]:
    """A stored result: its public address, and the answer there."""
    url = api.post("/colorize", gray_jpeg).json()["download_url"]
    return url, requests.get(url, timeout=5)
