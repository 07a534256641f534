"""A user who does not know what a colour was is shown the likely ones, and can take any of them as a hint."""

import io
import json

import numpy as np
import pytest
import requests
from PIL import Image, ImageDraw
from skimage import color

from tests.conftest import encode
from tests.support.http import NO_SUCH_ID, assert_error
from tests.support.linear_bundle import write_bundle
from tests.support.service import ROOT

CAMERA = (ROOT / "examples" / "camera.jpg").read_bytes()
SKY, LAWN = {"x": 0.8, "y": 0.1}, {"x": 0.8, "y": 0.9}


def luma(colours: list[str]) -> np.ndarray:
    return np.array([[*bytes.fromhex(each[1:])] for each in colours]) @ (0.299, 0.587, 0.114)


def ab(colour: str) -> np.ndarray:
    return color.rgb2lab(np.array([[[*bytes.fromhex(colour[1:])]]], np.uint8))[0, 0, 1:]


def stored(api) -> list[list[str]]:
    """The names of all that the service keeps."""
    return [sorted(api.service.stored(name)) for name in ("uploads", "originals", "results", "inbox")]


# --- as a client of any service has it -------------------------------------------------------------------------------


def test_the_likely_colours_of_a_surface_are_listed_with_their_shares_at_its_own_luma(api):
    response = api.post("/colors", CAMERA, data=SKY)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert 2 <= len(answer) <= 8 and all(set(each) == {"color", "share"} for each in answer)
    shares = [each["share"] for each in answer]
    assert shares == sorted(shares, reverse=True) and sum(shares) <= 1 and min(shares) >= 0.02
    colours = [each["color"] for each in answer]
    assert colours == [each.lower() for each in colours] and len(set(colours)) == len(colours)
    there = Image.open(io.BytesIO(CAMERA)).convert("L").reduce(4)
    at = there.getpixel((int(SKY["x"] * there.width), int(SKY["y"] * there.height)))
    assert np.abs(luma(colours) - at).max() < 3


def test_an_upload_need_not_be_sent_again_for_its_likely_colours(api):
    image_id = api.post("/upload", CAMERA).json()["image_id"]
    by_id = api.post("/colors", data={"image_id": image_id} | LAWN)
    assert by_id.status_code == 200, by_id.text
    assert by_id.json() == api.post("/colors", CAMERA, data=LAWN).json()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"y": "0.5"}, "x is missing"),
        ({"x": "0.5", "y": " "}, "y is missing"),
        ({"x": "1.01", "y": "0.5"}, "x is wrong"),
        ({"x": "0.5", "y": "-0.01"}, "y is wrong"),
        ({"x": "nan", "y": "0.5"}, "x is wrong"),
        ({"x": "left", "y": "0.5"}, "x is wrong"),
        ({"x": "0,5", "y": "0.5"}, "x is wrong"),
    ],
)
def test_a_place_that_is_none_is_refused_with_what_is_wrong(api, gray_jpeg, fields, says):
    assert says in assert_error(api.post("/colors", gray_jpeg, data=fields), 400)


def test_what_colorize_refuses_is_refused_in_the_same_way(api, gray_jpeg):
    assert_error(api.post("/colors", gray_jpeg, data=SKY, headers={}), 401)
    assert_error(api.get("/colors"), 405)
    for body, fields in (
        (None, {}),
        (b"", {}),
        (b"this is no picture at all", {}),
        (gray_jpeg[: len(gray_jpeg) // 2], {}),
        (gray_jpeg, {"image_id": NO_SUCH_ID}),
        (None, {"image_id": NO_SUCH_ID}),
        (encode(Image.new("L", (2001, 2000)), "PNG"), {}),
        (bytes(4_100_000), {}),
    ):
        refusals = [api.post(path, body, data=SKY | fields) for path in ("/colorize", "/colors")]
        sentences = [assert_error(each, refusals[0].status_code) for each in refusals]
        assert sentences[0] == sentences[1] and refusals[0].status_code in (400, 404, 413)


def test_a_question_about_colours_leaves_nothing_behind_and_can_be_found_in_the_log(api, gray_jpeg):
    headers = api.headers | {"X-Request-ID": f"which-colour-{api.through}"}
    before = stored(api)
    response = api.post("/colors", gray_jpeg, data=SKY, headers=headers)
    assert response.headers["X-Request-ID"] == headers["X-Request-ID"]
    assert "X-Delete-Token" not in response.headers
    assert stored(api) == before
    lines = [json.loads(line) for line in api.service.log().splitlines() if headers["X-Request-ID"] in line]
    (line,) = (line for line in lines if line["logger"] == "colorize.request")
    assert (line["path"], line["status"]) == ("/colors", 200) and line["engine_ms"] > 0


# --- what the colours are --------------------------------------------------------------------------------------------


def colors(url: str, photo: bytes, **place: float) -> list[dict]:
    response = requests.post(f"{url}/colors", files={"file": photo}, data=place, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_sky_is_most_likely_blue_or_gray_and_a_lawn_green(url):
    sky, lawn = (ab(colors(url, CAMERA, **place)[0]["color"]) for place in (SKY, LAWN))
    assert np.hypot(*sky) < 6 or (sky[1] < -5 and sky[0] < 8)
    assert lawn[1] > 8 and lawn[0] < -4
    assert np.linalg.norm(sky - lawn) > 20


def test_no_two_of_the_colours_look_alike(url):
    for place in (SKY, LAWN, {"x": 0.35, "y": 0.5}, {"x": 0.0, "y": 1.0}):
        found = [ab(each["color"]) for each in colors(url, CAMERA, **place)]
        apart = [np.linalg.norm(a - b) for i, a in enumerate(found) for b in found[:i]]
        assert min(apart) > 5


@pytest.mark.parametrize("number", range(4))
def test_each_colour_comes_out_as_it_was_shown_if_it_is_taken_as_a_hint(url, number):
    photo = Image.new("L", (300, 200), 90)
    ImageDraw.Draw(photo).rectangle((0, 0, 300, 90), fill=190)
    file, place = encode(photo, "PNG"), {"x": 0.5, "y": 0.75}
    found = colors(url, file, **place)
    colour = found[min(number, len(found) - 1)]["color"]
    hints = json.dumps([place | {"color": colour}])
    answer = requests.post(f"{url}/colorize", files={"file": file}, data={"hints": hints}, timeout=60).json()
    result = Image.open(io.BytesIO(requests.get(answer["download_url"], timeout=30).content)).convert("RGB")
    there = color.rgb2lab(np.asarray(result)[140:160, 140:160])[..., 1:].mean(axis=(0, 1))
    assert np.linalg.norm(there - ab(colour)) < 6


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_have_one_colour(url, level):
    photo = encode(Image.new("L", (64, 64), level), "PNG")
    (only,) = colors(url, photo, x=0.5, y=0.5)
    assert only == {"color": "#000000" if level == 0 else "#ffffff", "share": only["share"]}
    assert only["share"] > 0.99


def test_the_place_is_that_of_the_upright_photo(url):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.open(io.BytesIO(CAMERA)).transpose(Image.Transpose.ROTATE_90)
    turned = colors(url, encode(lying, "PNG", exif=exif), **LAWN)
    assert turned == colors(url, encode(Image.open(io.BytesIO(CAMERA)), "PNG"), **LAWN)


# --- where there are none --------------------------------------------------------------------------------------------


def test_a_model_that_knows_of_one_picture_alone_says_that_it_tells_no_likely_colours(running, tmp_path, gray_jpeg):
    url = running(MODEL_BUNDLE=write_bundle(tmp_path / "bundle"), DEVICE="cpu").url
    assert requests.get(f"{url}/model", timeout=30).json()["likely_colors"] is False
    refusal = requests.post(f"{url}/colors", files={"file": gray_jpeg}, data=SKY, timeout=30)
    assert "ColorizeNet" in assert_error(refusal, 400) and "likely" in refusal.json()["detail"]


def test_without_a_model_it_is_503(serve, tmp_path, gray_jpeg):
    url = serve(wait_for_model=False, MODEL_BUNDLE=tmp_path).url
    refusal = requests.post(f"{url}/colors", files={"file": gray_jpeg}, data=SKY, timeout=30)
    assert_error(refusal, 503)
    assert int(refusal.headers["Retry-After"]) > 0
