"""A hint's colour stays where it was put: on its surface, not on what else the picture shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from colorize_service import EMBEDDED_BUNDLE, colour
from colorize_service.colorizer import Colorizer
from colorize_service.hints import blend_hints, shortest_paths
from colorize_service.inference.model import Setup, load_folder
from colorize_service.options import Hint, Options
from tests.conftest import encode
from tests.support.results import decoded

RED = (200, 30, 40)
GRAY = np.full((24, 36, 2), 128, np.uint8)
Box = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(load_folder(EMBEDDED_BUNDLE, Setup()), max_pixels=10**7)


def noisy(image: Image.Image) -> Image.Image:
    """With soft edges and grain, as a photo has them."""
    grain = np.random.default_rng(1).normal(0, 3, (image.height, image.width))
    return Image.fromarray(np.clip(np.asarray(image.filter(ImageFilter.GaussianBlur(1))) + grain, 0, 255).astype("u1"))


def scene(number: int) -> tuple[Image.Image, tuple[float, float], Box, list[Box]]:
    """A drawn scene: where its dress is hinted, a part of the dress, and parts of what is not the dress."""
    image = Image.linear_gradient("L").resize((480, 360)).point(lambda level: 215 + level // 12)  # a sky
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 220, 480, 360), fill=105)  # a lawn
    if number == 0:
        draw.rectangle((330, 60, 400, 240), fill=150)  # a tower
        draw.polygon([(150, 120), (210, 120), (250, 330), (110, 330)], fill=70)  # a dress
        draw.ellipse((155, 70, 205, 122), fill=190)  # a face
        return noisy(image), (0.375, 0.6), (150, 240, 210, 310), [(340, 80, 390, 200), (290, 260, 460, 340)]
    if number == 1:  # light, with folds, before a dark tower
        draw.rectangle((60, 40, 150, 240), fill=60)
        draw.polygon([(230, 110), (300, 110), (350, 340), (190, 340)], fill=185)
        for x in (235, 260, 285):
            draw.line((265, 120, x - 20, 335), fill=165, width=4)
        return noisy(image), (0.545, 0.55), (240, 200, 290, 300), [(70, 60, 140, 200), (380, 260, 470, 340)]
    # two of about one tone, apart
    draw.rectangle((60, 60, 140, 240), fill=88)
    draw.polygon([(300, 120), (370, 120), (420, 335), (250, 335)], fill=84)
    return noisy(image), (0.7, 0.6), (300, 220, 370, 310), [(70, 80, 130, 200), (20, 260, 200, 340)]


def moved(colorizer: Colorizer, photo: Image.Image, hints: list[Hint]) -> np.ndarray:
    """By how much each pixel's a* and b* change with the hints, float (h, w)."""
    data = encode(photo, "PNG")
    ab = [
        colour.lab(decoded(colorizer.colorize(colorizer.open(data), Options(hints=tuple(each))).file))[..., 1:]
        for each in ([], hints)
    ]
    return np.linalg.norm(ab[1] - ab[0], axis=2)


@pytest.mark.parametrize("number", range(3))
def test_red_on_a_dress_leaves_tower_and_lawn_as_they_were(colorizer, number):
    photo, (x, y), dress, others = scene(number)
    change = moved(colorizer, photo, [Hint(x, y, RED)])

    def mean(box: Box) -> float:
        left, top, right, bottom = box
        return change[top:bottom, left:right].mean()

    assert mean(dress) > 15
    assert all(mean(other) < 3 for other in others), [mean(other) for other in others]


def test_a_spot_stays_smaller_than_its_surface(colorizer):
    photo, (x, y), _, _ = scene(0)
    surface, spot = (moved(colorizer, photo, [Hint(x, y, RED, reach)]) for reach in ("surface", "spot"))
    place = spot[int(y * 360), int(x * 480)]
    assert place > 20
    assert 0 < (spot > 10).sum() < (surface > 10).sum() / 5


def test_a_gray_hint_protects_its_surface_from_its_neighbour():
    small = np.full((96, 144), 120, np.uint8)  # one surface: without the gray hint all of it would be red
    hints = [Hint(0.2, 0.5, RED), Hint(0.8, 0.5, (120, 120, 120))]
    alone, both = blend_hints(small, GRAY, hints[:1]), blend_hints(small, GRAY, hints)
    assert alone[48, 115, 1] > 150
    assert abs(int(both[48, 115, 1]) - 128) < 3 and both[48, 29, 1] > 170


def test_of_two_hints_on_one_spot_the_later_counts():
    small = np.full((64, 64), 120, np.uint8)
    blue = (30, 40, 200)
    for hints, later in (([RED, blue], 0), ([blue, RED], 1)):
        chroma = blend_hints(small, GRAY, [Hint(0.5, 0.5, rgb) for rgb in hints])
        assert chroma[32, 32].argmax() == later


def test_of_many_hints_each_has_its_own_place():
    small = np.full((96, 144), 120, np.uint8)
    places = [((column + 0.5) / 10, (row + 0.5) / 10) for row in range(10) for column in range(10)]
    hints = [Hint(x, y, RED if at % 2 else (30, 40, 200)) for at, (x, y) in enumerate(places)]
    chroma = blend_hints(small, GRAY, hints)
    for at, (x, y) in enumerate(places):
        assert chroma[int(y * 96), int(x * 144)].argmax() == at % 2


def test_the_dark_side_of_a_surface_gets_the_same_hue_and_less_chroma():
    small = np.linspace(150, 60, 160).astype(np.uint8)[None].repeat(100, axis=0)
    chroma = blend_hints(small, GRAY, [Hint(0.3, 0.5, RED)]).astype(float) - 128
    light, dark = chroma[50, 30], chroma[50, 75]
    assert np.linalg.norm(dark) < np.linalg.norm(light)
    assert np.arctan2(*dark) == pytest.approx(np.arctan2(*light), abs=0.25)


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    places=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=100),
    reach=st.sampled_from(["surface", "spot"]),
    seed=st.integers(0, 99),
)
def test_hints_anywhere_in_any_picture_give_chroma_of_its_size(size, places, reach, seed):
    small = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    chroma = blend_hints(small, GRAY, [Hint(x, y, RED, reach) for x, y in places])
    assert chroma.shape == (*size, 2) and chroma.dtype == np.uint8


@given(seed=st.integers(0, 999), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_a_path_costs_what_the_cheapest_one_costs(seed, size):
    """Against Bellman and Ford's relaxation, on grids in which no path turns more often than the sweeps follow."""
    rng = np.random.default_rng(seed)
    height, width = size
    right = rng.random((height, 1, width - 1)).astype(np.float32) + 1
    below = rng.random((height - 1, 1, width)).astype(np.float32) + 1
    place = (int(rng.integers(height)), int(rng.integers(width)))
    costs = np.full(size, np.inf)
    costs[place] = 0
    for _ in range(height * width):
        costs[:, 1:] = np.minimum(costs[:, 1:], costs[:, :-1] + right[:, 0])
        costs[:, :-1] = np.minimum(costs[:, :-1], costs[:, 1:] + right[:, 0])
        costs[1:] = np.minimum(costs[1:], costs[:-1] + below[:, 0])
        costs[:-1] = np.minimum(costs[:-1], costs[1:] + below[:, 0])
    np.testing.assert_allclose(shortest_paths(right, below, [place])[:, 0], costs, atol=1e-4)
