"""The form fields of a request and GET /model, over HTTP, with a model that takes hints and one that takes prompts."""

import json

import pytest
import requests

from tests.conftest import encode
from tests.support.linear_bundle import DEFAULTS, SIDE, write_bundle
from tests.support.service import Service, wait_until


@pytest.fixture(scope="module")
def prompted(running, tmp_path_factory):
    return running(MODEL_BUNDLE=write_bundle(tmp_path_factory.mktemp("bundle")), DEVICE="cpu", MAX_BATCH=4)


@pytest.fixture(scope="module")
def hinted(running):
    return running(DEVICE="cpu")


@pytest.fixture(scope="module")
def small(gray_photo):
    return encode(gray_photo.resize((90, 60)), "PNG")


def post(service: Service, photo: bytes, **fields: object) -> requests.Response:
    return requests.post(f"{service.url}/colorize", files={"file": photo}, data=fields, timeout=60)


def result(service: Service, photo: bytes, **fields: object) -> bytes:
    response = post(service, photo, **fields)
    assert response.status_code == 200, response.text
    return requests.get(response.json()["download_url"], timeout=30).content


def refused(response: requests.Response) -> str:
    assert response.status_code == 400, response.text
    assert list(response.json()) == ["detail"]
    return response.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", "red"),
        ("negative_prompt", "blue"),
        ("seed", 7),
        ("steps", 9),
        ("guidance_scale", 7.5),
        ("steps", 1),
        ("steps", 50),
        ("guidance_scale", 1),
        ("guidance_scale", 20),
        ("seed", 2**32 - 1),
    ],
)
def test_each_field_changes_the_result_and_the_same_request_gives_the_same(prompted, small, field, value):
    changed = result(prompted, small, **{field: value})
    assert changed == result(prompted, small, **{field: value})
    assert changed != result(prompted, small)


@pytest.mark.parametrize("fields", [DEFAULTS, dict.fromkeys(DEFAULTS, ""), {"prompt": "  "}, {"unheard_of": "1"}])
def test_a_field_at_its_default_or_empty_changes_nothing(prompted, small, fields):
    assert result(prompted, small, **fields) == result(prompted, small)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("seed", "-1", "greater"),
        ("seed", str(2**32), "less"),
        ("seed", "red", "integer"),
        ("steps", "0", "greater"),
        ("steps", "51", "less"),
        ("steps", "4.5", "integer"),
        ("guidance_scale", "0.9", "greater"),
        ("guidance_scale", "20.1", "less"),
        ("guidance_scale", "nan", "finite"),
        ("guidance_scale", "9,0", "number"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_what_the_field_takes(prompted, small, field, value, says):
    sentence = refused(post(prompted, small, **{field: value}))
    assert sentence.startswith(f"The field {field} is wrong: ") and says in sentence and " from " in sentence


def test_a_field_of_another_model_is_refused_with_the_name_of_that_model(prompted, hinted, small):
    hint = {"x": 0.5, "y": 0.5, "color": "#336699"}
    assert result(prompted, small, hints=json.dumps([hint])) != result(prompted, small), "hints are for every model"
    assert refused(post(prompted, small, hints=json.dumps([hint, hint | {"reach": "similar"}]))) == (
        "The reach similar of a hint is for ColorizeNet-Lite; the model loaded here is ColorizeNet."
    )
    for field in DEFAULTS:
        assert refused(post(hinted, small, **{field: "1"})) == (
            f"The field {field} is for ColorizeNet; the model loaded here is ColorizeNet-Lite."
        )


def test_the_model_says_what_it_is_and_what_it_takes(prompted, hinted):
    response = requests.get(f"{prompted.url}/model", timeout=30)
    assert response.status_code == 200
    assert response.json() == {
        "name": "Linear",
        "version": "1",
        "kind": "colorizenet",
        "device": "cpu",
        "precision": "fp32",
        "processing_size": {"width": SIDE, "height": SIDE},
        "fields": DEFAULTS,
        "likely_colors": False,
    }
    assert "/" not in response.text, "a path of the server"
    answer = requests.get(f"{hinted.url}/model", timeout=30).json()
    assert (answer["name"], answer["kind"], answer["fields"]) == ("ColorizeNet-Lite", "lite", {"hints": []})
    assert answer["likely_colors"] is True


def test_before_the_model_is_loaded_it_is_503_with_a_sentence(serve, tmp_path):
    service = serve(wait_for_model=False, MODEL_BUNDLE=tmp_path)
    wait_until(lambda: "cannot be loaded" in service.log(), 20, service.log)
    response = requests.get(f"{service.url}/model", timeout=30)
    assert response.status_code == 503 and int(response.headers["Retry-After"]) > 0
    assert "cannot be loaded" in response.json()["detail"]


def test_a_request_takes_no_more_steps_than_the_operator_allows(running, tmp_path, small):
    service = running(MODEL_BUNDLE=write_bundle(tmp_path / "bundle"), DEVICE="cpu", MAX_STEPS=6)
    assert post(service, small, steps=6).status_code == 200
    assert "from 1 to 6" in refused(post(service, small, steps=7))
    body = requests.get(f"{service.url}/openapi.json", timeout=30).json()["paths"]["/colorize"]["post"]["requestBody"]
    steps = body["content"]["multipart/form-data"]["schema"]["properties"]["steps"]
    assert (steps["minimum"], steps["maximum"]) == (1, 6)
