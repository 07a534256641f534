"""Colour hints over HTTP: a user who says what a colour is gets that colour, there and on the same surface."""

import io
import json

import numpy as np
import pytest
import requests
from PIL import Image, ImageDraw
from skimage import color, data

from tests.conftest import encode


def colorize(url: str, photo: Image.Image, hints=None) -> np.ndarray:
    """The result's a* and b*: float (h, w, 2)."""
    form = {} if hints is None else {"hints": hints if isinstance(hints, str) else json.dumps(hints)}
    response = requests.post(f"{url}/colorize", files={"file": encode(photo, "PNG")}, data=form, timeout=60)
    assert response.status_code == 200, response.text
    content = requests.get(response.json()["download_url"], timeout=30).content
    return color.rgb2lab(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))[..., 1:]


def hue_distance(ab: np.ndarray, rgb: str) -> float:
    """Degrees between the mean hue of ``ab`` and that of a colour."""
    wanted = color.rgb2lab(np.array([[list(bytes.fromhex(rgb[1:]))]], np.uint8))[0, 0, 1:]
    mean = ab.reshape(-1, 2).mean(axis=0)
    angle = np.degrees(np.arctan2(mean[1], mean[0]) - np.arctan2(wanted[1], wanted[0]))
    return abs((angle + 180) % 360 - 180)


REACHES = ("surface", "spot", "similar")


@pytest.fixture(scope="module")
def coat() -> Image.Image:
    """A man in a dark coat on a lawn: scikit-image's camera photo, lightened so that the coat can show a colour."""
    return Image.fromarray(data.camera()).point(lambda level: 70 + level * 150 // 255)


@pytest.mark.parametrize("rgb", ["#208030", "#b03030", "#3050c0", "#c0a020", "#802090"])
def test_the_area_around_a_hint_takes_its_hue(url, coat, rgb):
    x, y = 0.2, 0.6
    ab = colorize(url, coat, [{"x": x, "y": y, "color": rgb}])
    column, row = int(x * coat.width), int(y * coat.height)
    around = ab[row - 10 : row + 10, column - 10 : column + 10]
    assert hue_distance(around, rgb) < 25
    assert np.linalg.norm(around.mean(axis=(0, 1))) > 8, "the hint has left no colour"


def test_a_hint_reaches_over_its_surface_and_not_over_the_rest(url, coat):
    before, after = colorize(url, coat), colorize(url, coat, [{"x": 0.2, "y": 0.6, "color": "#b03030"}])
    moved = np.linalg.norm(after - before, axis=2)
    elsewhere_on_the_coat, sky = moved[360:420, 60:110], moved[20:80, 350:480]
    assert elsewhere_on_the_coat.mean() > 5
    assert sky.mean() < elsewhere_on_the_coat.mean() / 2


def test_a_hint_reaches_as_far_as_it_says(url, coat):
    hint = {"x": 0.2, "y": 0.6, "color": "#b03030"}
    before, *after = (colorize(url, coat, hints) for hints in (None, [hint], *([hint | {"reach": r}] for r in REACHES)))
    default, surface, spot, similar = ((np.linalg.norm(ab - before, axis=2) > 8).mean() for ab in after)
    assert spot < surface / 3 and surface == default
    assert similar != surface


def test_each_of_two_hints_colours_its_own_side_up_to_the_edge(url):
    photo = Image.new("L", (300, 200), 110)
    ImageDraw.Draw(photo).rectangle((150, 0, 300, 200), fill=170)
    ab = colorize(url, photo, [{"x": 0.25, "y": 0.5, "color": "#a03030"}, {"x": 0.75, "y": 0.5, "color": "#60b060"}])
    assert hue_distance(ab[80:120, 60:90], "#a03030") < 25
    assert hue_distance(ab[80:120, 210:240], "#60b060") < 25


def test_a_hint_is_placed_on_the_upright_photo(url, coat):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = coat.transpose(Image.Transpose.ROTATE_90)
    hints = json.dumps([{"x": 0.2, "y": 0.6, "color": "#b03030"}])
    response = requests.post(
        f"{url}/colorize", files={"file": encode(lying, "PNG", exif=exif)}, data={"hints": hints}, timeout=60
    )
    content = requests.get(response.json()["download_url"], timeout=30).content
    ab = color.rgb2lab(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))[..., 1:]
    assert hue_distance(ab[297:317, 92:112], "#b03030") < 25


@pytest.mark.parametrize("nothing", [None, "", "[]", " "])
def test_no_hints_change_nothing(url, coat, nothing):
    small = coat.resize((96, 96))
    assert (colorize(url, small, nothing) == colorize(url, small)).all()


@pytest.mark.parametrize(
    "hints",
    [
        [{"x": 0, "y": 0, "color": "#000000"}, {"x": 1, "y": 1, "color": "#FFFFFF"}],
        [{"x": 0.5, "y": 0.5, "color": "#ff0000"}] * 100,
    ],
)
def test_hints_at_the_limits_are_taken(url, coat, hints):
    colorize(url, coat.resize((64, 40)), hints)


GOOD = {"x": 0.5, "y": 0.5, "color": "#336699"}


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        ("nonsense", "hints is wrong"),
        ("{}", "list"),
        ("null", "list"),
        ("[1]", "[0]"),
        (json.dumps([{}]), "[0].x"),
        (json.dumps([GOOD, GOOD | {"x": 1.5}]), "[1].x"),
        (json.dumps([GOOD | {"y": -0.1}]), "[0].y"),
        (json.dumps([GOOD | {"x": "0.5"}]), "[0].x"),
        ('[{"x": NaN, "y": 0, "color": "#000000"}]', "[0].x"),
        ('[{"x": 1e999, "y": 0, "color": "#000000"}]', "[0].x"),
        (json.dumps([GOOD | {"x": True}]), "[0].x"),
        (json.dumps([GOOD | {"color": "red"}]), "[0].color"),
        (json.dumps([GOOD | {"color": "#33669"}]), "[0].color"),
        (json.dumps([GOOD | {"color": "#336699\n"}]), "[0].color"),
        (json.dumps([GOOD | {"colour": "#336699"}]), "[0].colour"),
        (json.dumps([GOOD] * 101), "at most 100"),
        (json.dumps([GOOD | {"reach": "everything"}]), "[0].reach"),
        ("[" * 5000, "hints is wrong"),
        (json.dumps([GOOD]) + " " * 50_000, "at most 100 hints in 50000 characters"),
    ],
)
def test_bad_hints_are_refused_with_what_is_wrong(url, coat, hints, says):
    response = requests.post(
        f"{url}/colorize", files={"file": encode(coat.resize((32, 32)), "PNG")}, data={"hints": hints}, timeout=60
    )
    assert response.status_code == 400, response.text
    assert list(response.json()) == ["detail"]
    assert says in response.json()["detail"]
