"""Correcting a colour: the places on the photo, and the palette that is beside them and never on them."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from skimage import color

from tests.conftest import encode
from tests.support.service import ROOT

CAMERA = ROOT / "examples" / "camera.jpg"
COAT, SKY, GRASS = (0.2, 0.6), (0.8, 0.12), (0.8, 0.85)
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}


def correcting(visitor, photo=CAMERA):
    """The visitor with a photo in colour, about to correct it; ``visitor.sent`` are the hints of each request."""
    visitor.sent = []

    def note(request) -> None:
        if request.method == "POST" and request.url.endswith("/colorize"):
            hints = re.search(r"\[\{.*?\}\]", request.post_data or "")
            visitor.sent.append(json.loads(hints[0]) if hints else [])

    visitor.page.on("request", note)
    visitor.choose(photo)
    visitor.wait_for_result()
    visitor.page.locator("#correct").click()
    return visitor


@pytest.fixture
def desk(visitor):
    return correcting(visitor)


@pytest.fixture
def phone(visit, service):
    return correcting(visit(service.url, **PHONE))


def swatch(visitor, name: str):
    return visitor.page.get_by_role("button", name=name, exact=True)


def colour(visitor, place: tuple[float, float], name: str) -> None:
    """Set a place's colour; returns when the result has followed."""
    before = visitor.result
    visitor.page.mouse.click(*visitor.point(*place))
    swatch(visitor, name).click()
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", before)
    visitor.page.keyboard.press("Escape")


def markers(visitor):
    return visitor.page.locator(".marker")


def middle(locator) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def overlap(one, other) -> bool:
    a, b = one.bounding_box(), other.bounding_box()
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in (("x", "width"), ("y", "height")))


# --- places ----------------------------------------------------------------------------------------------------------


def test_a_drag_moves_a_place_and_adds_none(desk):
    colour(desk, COAT, "Navy")
    start, before = middle(markers(desk)), desk.result
    mouse = desk.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(start[0] + 60, start[1] - 40, steps=5)
    mouse.up()
    expect(desk.page.locator("#after")).not_to_have_attribute("src", before)
    expect(markers(desk)).to_have_count(1)
    expect(desk.page.locator("#palette")).to_be_hidden()
    assert middle(markers(desk)) == pytest.approx((start[0] + 60, start[1] - 40), abs=1)
    box = desk.page.locator("#frame").bounding_box()
    (first,), (second,) = desk.sent[-2:]
    assert second["x"] - first["x"] == pytest.approx(60 / box["width"], abs=0.002)
    assert second["y"] - first["y"] == pytest.approx(-40 / box["height"], abs=0.002)
    desk.page.get_by_role("button", name="Undo").click()
    assert middle(markers(desk)) == pytest.approx(start, abs=1)


def test_a_finger_moves_a_place_under_a_loupe(phone):
    colour(phone, GRASS, "Dry grass")
    with phone.fingers() as put:
        put(middle(markers(phone)))
        put(phone.point(0.7, 0.7))
        put(phone.point(0.6, 0.6))
        expect(phone.page.locator("#loupe")).to_be_visible()
    expect(phone.page.locator("#loupe")).to_be_hidden()
    expect(markers(phone)).to_have_count(1)
    assert middle(markers(phone)) == pytest.approx(phone.point(0.6, 0.6), abs=2)


def test_by_keyboard_a_place_is_shifted_and_removed(desk):
    page = desk.page
    colour(desk, COAT, "Navy")
    colour(desk, GRASS, "Dry grass")
    markers(desk).nth(0).focus()
    start = middle(markers(desk).nth(0))
    page.keyboard.press("Shift+ArrowRight")
    assert middle(markers(desk).nth(0))[0] - start[0] == pytest.approx(
        0.05 * page.locator("#frame").bounding_box()["width"], abs=1
    )
    page.keyboard.press("Delete")
    expect(markers(desk)).to_have_count(1)
    expect(page.locator("#hints li")).to_have_count(1)
    expect(markers(desk)).to_be_focused()
    page.keyboard.press("Delete")
    expect(markers(desk)).to_have_count(0)
    expect(page.locator("#crosshair")).to_be_focused()
    page.keyboard.press("Control+Z")
    expect(markers(desk)).to_have_count(1)


@pytest.mark.parametrize("way", ["photo", "page", "Escape", "Done"])
def test_a_place_without_a_colour_is_dropped(desk, way):
    page, palette = desk.page, desk.page.locator("#palette")
    page.mouse.click(*desk.point(*COAT))
    expect(palette).to_be_visible()
    expect(markers(desk)).to_have_count(1)
    if way == "photo":
        page.mouse.click(*desk.point(*GRASS))
    elif way == "page":
        page.locator(".bottom p").first.click()
    elif way == "Escape":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Done").click()
    expect(palette).to_be_hidden()
    expect(markers(desk)).to_have_count(0)
    assert desk.sent == [[]] and page.locator("#undo").is_disabled()


# --- the palette -----------------------------------------------------------------------------------------------------


def test_beside_the_photo_the_palette_covers_none_of_it(desk):
    for place in [(0.02, 0.02), (0.98, 0.98)]:
        desk.page.mouse.click(*desk.point(*place))
        expect(desk.page.locator("#palette")).to_be_in_viewport()
        assert not overlap(desk.page.locator("#palette"), desk.page.locator("#view"))
        desk.page.keyboard.press("Escape")


@pytest.mark.parametrize("shape", [(900, 900), (600, 1200)])
def test_on_a_phone_the_palette_and_its_place_do_not_overlap(visit, service, gray_photo, tmp_path, shape):
    (tmp_path / "photo.jpg").write_bytes(encode(gray_photo.resize(shape), "JPEG"))
    phone = correcting(visit(service.url, **PHONE), tmp_path / "photo.jpg")
    for place in [(0.5, 0.03), (0.04, 0.5), (0.96, 0.97)]:
        phone.page.evaluate("scrollTo(0, 0)")
        phone.page.touchscreen.tap(*phone.point(*place))
        palette = phone.page.locator("#palette")
        expect(palette).to_be_in_viewport()
        expect(markers(phone)).to_be_in_viewport(ratio=0.5 if 0.03 in place else 1)
        assert not overlap(palette, markers(phone))
        phone.page.get_by_role("button", name="Done").tap()
        expect(palette).to_be_hidden()


def test_the_sheet_has_undo_and_the_photo_as_it_was_while_held(phone):
    page, palette = phone.page, phone.page.locator("#palette")
    page.touchscreen.tap(*phone.point(*GRASS))
    first = phone.result
    for name in ("Dry grass", "Wine"):
        before = phone.result
        swatch(phone, name).tap()
        expect(page.locator("#after")).not_to_have_attribute("src", before)
        expect(page.locator("#colour-name")).to_have_text(name)
    wine = pixel(phone, (0.6, 0.7))
    with phone.fingers() as put:
        put(middle(palette.locator("#look")))
        page.wait_for_timeout(100)
        held = pixel(phone, (0.6, 0.7))
    assert held[1] - held[0] > wine[1] - wine[0] + 15  # greener than in wine: it is the grass again
    assert pixel(phone, (0.6, 0.7)) == pytest.approx(wine, abs=3)
    undo = palette.get_by_role("button", name="Undo")
    undo.tap()
    expect(page.locator("#colour-name")).to_have_text("Dry grass")
    undo.tap()
    expect(page.locator("#after")).to_have_attribute("src", first)
    expect(palette).to_be_visible()
    expect(undo).to_be_disabled()
    page.get_by_role("button", name="Done").tap()
    expect(markers(phone)).to_have_count(0)


def pixel(visitor, place: tuple[float, float]) -> np.ndarray:
    """What is on the screen at a place of the photo: levels of red, green and blue, a mean of a few pixels."""
    x, y = visitor.point(*place)
    clip = {"x": x - 4, "y": y - 4, "width": 8, "height": 8}
    shot = Image.open(io.BytesIO(visitor.page.screenshot(clip=clip))).convert("RGB")
    return np.asarray(shot, dtype=float).mean(axis=(0, 1))


def test_the_palette_has_named_groups_and_remembers_what_was_used(desk):
    page = desk.page
    page.mouse.click(*desk.point(*COAT))
    names = ["Skin", "Hair", "Foliage", "Sky", "Stone", "Cloth", "Gray", "White", "Black"]
    for name in names:
        expect(page.locator("#palette").get_by_text(name, exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="Used lately")).to_be_hidden()
    swatch(desk, "Navy").click()
    expect(page.get_by_label("Other colour")).to_have_value("#2c4a8f")
    expect(swatch(desk, "Navy")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.reload()
    correcting(desk)
    page.mouse.click(*desk.point(*GRASS))
    expect(page.get_by_role("group", name="Used lately").get_by_role("button", name="Navy")).to_be_visible()


def test_the_eyedropper_takes_a_colour_from_the_photo(desk):
    page = desk.page
    page.mouse.click(*desk.point(*COAT))
    page.get_by_role("button", name="From photo").click()
    expected = pixel(desk, SKY)
    page.mouse.move(*desk.point(0.5, 0.5))
    page.mouse.move(*desk.point(*SKY))
    expect(page.locator("#loupe")).to_be_visible()
    with page.expect_request("**/colorize"):
        page.mouse.click(*desk.point(*SKY))
    expect(page.locator("#loupe")).to_be_hidden()
    expect(page.locator("#palette")).to_be_visible()
    (hint,) = desk.sent[-1]
    assert (hint["x"], hint["y"]) == pytest.approx(COAT, abs=0.002)
    assert list(bytes.fromhex(hint["color"][1:])) == pytest.approx(list(expected), abs=8)
    page.mouse.click(*desk.point(*GRASS))  # an ordinary click again
    expect(page.locator("#palette")).to_be_hidden()
    expect(markers(desk)).to_have_count(1)


def test_a_hint_says_how_far_it_goes(desk):
    page = desk.page
    page.mouse.click(*desk.point(*GRASS))
    page.get_by_label("A spot").check(force=True)
    with page.expect_request("**/colorize"):
        swatch(desk, "Wine").click()
    assert desk.sent[-1][0]["reach"] == "spot"
    with page.expect_request("**/colorize"):
        page.get_by_label("All alike").check(force=True)
    assert desk.sent[-1][0]["reach"] == "similar"
    with page.expect_request("**/colorize"):
        page.get_by_label("Its surface").check(force=True)
    assert "reach" not in desk.sent[-1][0]


# --- colours that are likely at a place ------------------------------------------------------------------------------


def likely(visitor):
    """The swatches of the colours that are likely at the place."""
    return visitor.page.get_by_role("group", name="Likely here").get_by_role("button")


def test_the_first_row_has_the_colours_that_are_likely_at_the_place(desk):
    rows = []
    for place in (SKY, GRASS):
        desk.page.mouse.click(*desk.point(*place))
        expect(likely(desk)).not_to_have_count(0)
        expect(desk.page.locator("#palette [role=group]:visible").first).to_have_attribute("aria-label", "Likely here")
        rows.append([one.get_attribute("value") for one in likely(desk).all()])
        desk.page.keyboard.press("Escape")
    assert rows[0] != rows[1]
    levels = np.array([list(bytes.fromhex(row[0][1:])) for row in rows], dtype=np.uint8)
    (_, _, sky_b), (_, grass_a, grass_b) = color.rgb2lab(levels)
    assert sky_b < -3, rows[0]  # blue
    assert grass_a < -3 and grass_b > 5, rows[1]  # green
    desk.page.mouse.click(*desk.point(*GRASS))
    with desk.page.expect_request("**/colorize"):
        likely(desk).first.click()
    assert desk.sent[-1][0]["color"] == rows[1][0]


@pytest.mark.parametrize(
    ("address", "change"),
    [
        ("**/colors", lambda route: route.fulfill(status=500, json={"detail": "No."})),
        ("**/model", lambda route: route.fulfill(json=route.fetch().json() | {"likely_colors": False})),
    ],
)
def test_without_likely_colours_the_palette_does_without(visit, service, address, change):
    desk = correcting(visit(service.url, prepare=lambda context: context.route(address, change)))
    desk.page.mouse.click(*desk.point(*SKY))
    expect(desk.page.get_by_role("group", name="Likely here")).to_be_hidden()
    swatch(desk, "Wine").click()
    expect(desk.page.locator("#colour-name")).to_have_text("Wine")
    if address == "**/model":
        assert not any(asked.endswith("/colors") for asked in desk.requests)
