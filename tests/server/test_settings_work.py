"""What an operator sets reaches what it is for: the model's sampling, the quality of pictures, the log."""

import io
import re

import pytest
import requests
from PIL import Image

from tests.conftest import encode
from tests.support.linear_bundle import write_bundle
from tests.support.service import Service, wait_until


@pytest.fixture(scope="module")
def small(gray_photo) -> bytes:
    return encode(gray_photo.resize((90, 60)), "PNG")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def prompted(serve, bundle):
    """Start a service with ColorizeNet of a few sums: ``prompted(NAME=value)``."""
    return lambda **settings: serve(MODEL_BUNDLE=bundle, DEVICE="cpu", **settings)


def picture(service: Service, photo: bytes, path: str = "colorize", **fields: object) -> bytes:
    """The stored picture of a photo."""
    answer = requests.post(f"{service.url}/{path}", files={"file": photo}, data=fields, timeout=60)
    assert answer.status_code == 200, answer.text
    folder = "results" if path == "colorize" else "uploads"
    return requests.get(f"{service.url}/{folder}/{answer.json()['filename']}", timeout=30).content


def test_the_preset_and_the_interval_of_guidance_change_how_photos_are_sampled(prompted, small):
    reference, fast, partly = (
        prompted(**settings) for settings in ({}, {"PRESET": "fast"}, {"GUIDANCE_INTERVAL": "0.2-0.6"})
    )
    steps = [
        requests.get(f"{service.url}/model", timeout=30).json()["fields"]["steps"]
        for service in (reference, fast, partly)
    ]
    assert steps == [4, 10, 4]
    # With the same number of steps, so that the sampler alone differs, and the interval alone.
    of_each = [picture(service, small, prompt="red", steps=8) for service in (reference, fast, partly)]
    assert len(set(of_each)) == 3
    # Without guidance there is nothing to limit.
    assert picture(reference, small, prompt="red", guidance_scale=1) == picture(
        partly, small, prompt="red", guidance_scale=1
    )


@pytest.mark.parametrize("path", ["colorize", "upload"])
def test_stored_pictures_have_the_quality_that_the_operator_sets(serve, small, path):
    stored = Image.open(io.BytesIO(picture(serve(JPEG_QUALITY=60), small, path)))
    expected = Image.open(io.BytesIO(encode(Image.new("RGB", (8, 8)), "JPEG", quality=60)))
    assert stored.quantization[0] == expected.quantization[0]


def test_a_client_cannot_forge_a_line_of_the_text_log(serve):
    service = serve(LOG_FORMAT="text")
    for separator in ("%0A", "%0D%0A", "%0D", "%E2%80%A8", "%C2%85", "%1B[2K"):
        requests.get(f"{service.url}/missing{separator}2026-01-01 ERROR forged", timeout=30)
    wait_until(lambda: service.log().count("forged") == 6, 5, service.log)
    for line in service.log().splitlines():
        assert "forged" not in line or re.match(r"[-\d]+ [:,\d]+ INFO +GET /missing\?", line), line
        assert "\x1b" not in line
