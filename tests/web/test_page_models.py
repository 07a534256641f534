"""The page offers what the loaded model takes: colours to correct, or a prompt."""

import re

import pytest
import requests
from playwright.sync_api import expect

from tests.support.linear_bundle import write_bundle
from tests.support.service import ROOT

CAMERA = ROOT / "examples" / "camera.jpg"


@pytest.fixture(scope="module")
def service(running, tmp_path_factory):
    return running(MODEL_BUNDLE=write_bundle(tmp_path_factory.mktemp("bundle")))


def test_a_prompt_can_be_given_to_a_model_that_takes_one_and_the_result_follows(visit, service):
    visitor = visit(service.url)
    visitor.choose(CAMERA)
    first = visitor.wait_for_result()
    expect(visitor.page.locator("#prompt-field")).to_be_visible()
    visitor.page.locator("#correct").click()
    visitor.page.mouse.click(*visitor.point(0.5, 0.5))
    expect(visitor.page.get_by_label("A spot")).to_have_count(1)
    expect(visitor.page.get_by_label("All alike")).to_have_count(0)  # it takes no hints of that reach
    visitor.page.keyboard.press("Escape")
    visitor.page.fill("#prompt", "a green coat in the rain")
    visitor.page.press("#prompt", "Enter")
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", re.compile(re.escape(first)))
    second = visitor.wait_for_result()
    pictures = [requests.get(f"{service.url}/{path}", timeout=30).content for path in (first, second)]
    assert pictures[0] != pictures[1]


def test_the_document_lists_the_fields_of_the_loaded_model_alone(service):
    document = requests.get(f"{service.url}/openapi.json", timeout=30).json()
    form = document["paths"]["/colorize"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"][
        "properties"
    ]
    fields = requests.get(f"{service.url}/model", timeout=30).json()["fields"]
    assert set(form) == {"file", "image_id", "saturation", "warmth", "hints"} | set(fields)
    assert "prompt" in fields and "hints" not in fields
