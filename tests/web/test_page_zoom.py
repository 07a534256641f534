"""Zoom and pan: the photo at any size, with everything on it in its place, by mouse, touch and keyboard."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.conftest import encode
from tests.support.service import ROOT, wait_until

CAMERA = ROOT / "examples" / "camera.jpg"
PHONE = {"viewport": {"width": 390, "height": 600}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def looking(visitor):
    """A visitor with the example in colour."""
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    return visitor


@pytest.fixture
def holding(visit, service):
    """The same on a phone."""
    visitor = visit(service.url, **PHONE)
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    return visitor


def soon(holds) -> None:
    """Wait for what the browser does a moment after its input."""
    wait_until(holds, 10, lambda: "never")


def size(visitor) -> float:
    """Screen pixels for each of the example's 512."""
    return visitor.page.locator("#frame").bounding_box()["width"] / 512


def left_top(visitor) -> np.ndarray:
    box = visitor.page.locator("#frame").bounding_box()
    return np.array([box["x"], box["y"]])


def slider(visitor) -> float:
    return float(visitor.page.locator("#slider").input_value())


def handle(visitor) -> tuple[float, float]:
    box = visitor.page.locator(".handle").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_at_400_percent_a_click_sends_the_pixel_that_was_clicked(looking):
    sent = []
    looking.page.on("request", lambda one: sent.append(one.post_data or "") if one.url.endswith("/colorize") else None)
    page, pixel = looking.page, (150, 301)
    place = ((pixel[0] + 0.5) / 512, (pixel[1] + 0.5) / 512)
    page.locator("#correct").click()
    page.mouse.move(*looking.point(*place))
    while size(looking) < 4:
        before = looking.point(*place)
        scale = size(looking)
        page.mouse.wheel(0, -40)
        soon(lambda scale=scale: size(looking) > scale)
        assert looking.point(*place) == pytest.approx(before, abs=1)  # what is under the pointer stays there
    page.mouse.click(*looking.point(*place))
    with page.expect_request("**/colorize"):
        page.get_by_role("button", name="Navy").click()
    form = sent[-1]
    (hint,) = json.loads(form[form.index("[{") : form.index("}]") + 2])
    assert (hint["x"], hint["y"]) == pytest.approx(place, abs=0.001)
    marker = page.locator(".marker").bounding_box()
    centre = (marker["x"] + marker["width"] / 2, marker["y"] + marker["height"] / 2)
    assert centre == pytest.approx(looking.point(*place), abs=2)


def test_by_mouse_a_double_click_zooms_a_drag_pans_and_the_handle_still_compares(looking):
    mouse, fitting = looking.page.mouse, size(looking)
    mouse.dblclick(*looking.point(0.3, 0.4))
    assert size(looking) > 1.2 * fitting
    start, divided = left_top(looking), slider(looking)
    at = looking.point(0.5, 0.5)  # beside the handle, which is where the click was
    mouse.move(*at)
    mouse.down()
    mouse.move(at[0] - 40, at[1] - 30, steps=4)
    mouse.up()
    assert left_top(looking) - start == pytest.approx([-40, -30], abs=1)
    assert slider(looking) == divided
    x, y = handle(looking)
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 100, y, steps=4)
    mouse.up()
    moved = 100 * 100 / (512 * size(looking))
    assert slider(looking) == pytest.approx(divided + moved, abs=6)
    looking.page.locator("#zoom-fit").click()
    assert size(looking) == pytest.approx(fitting, rel=0.01)


def test_the_wheel_zooms_in_and_out_to_the_whole_photo_and_then_scrolls_the_page(visit, service):
    visitor = visit(service.url, viewport={"width": 800, "height": 500})
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    page, fitting = visitor.page, size(visitor)
    page.mouse.move(*visitor.point(0.5, 0.5))
    page.mouse.wheel(0, -200)
    soon(lambda: size(visitor) > 1.2 * fitting)
    assert page.evaluate("scrollY") == 0
    page.mouse.wheel(0, 200)
    soon(lambda: size(visitor) == pytest.approx(fitting, rel=0.01))
    page.mouse.wheel(0, 300)
    soon(lambda: page.evaluate("scrollY") > 50)
    page.mouse.wheel(0, -300)
    soon(lambda: page.evaluate("scrollY") == 0)
    assert size(visitor) == pytest.approx(fitting, rel=0.01)


def test_by_keyboard_the_photo_is_zoomed_panned_and_fitted(looking):
    keyboard, fitting = looking.page.keyboard, size(looking)
    looking.tab_to("slider")
    for key in "++":
        keyboard.press(key)
    assert size(looking) == pytest.approx(2.25 * fitting, rel=0.01)
    expect(looking.page.locator("#zoom-level")).to_have_text(f"{100 * size(looking):.0f} %")
    start = left_top(looking)
    keyboard.press("Shift+ArrowRight")
    keyboard.press("Shift+ArrowDown")
    assert left_top(looking) - start == pytest.approx([-60, -60], abs=1)
    keyboard.press("-")
    assert size(looking) == pytest.approx(1.5 * fitting, rel=0.01)
    keyboard.press("0")
    assert size(looking) == pytest.approx(fitting, rel=0.01)
    looking.tab_to("correct")
    keyboard.press("Enter")
    for key in ["+"] * 4 + ["Shift+ArrowRight"] * 4:
        keyboard.press(key)
    view, crosshair = (looking.page.locator(name).bounding_box() for name in ("#view", "#crosshair"))
    assert crosshair["x"] + crosshair["width"] / 2 < view["x"] + view["width"]  # it is followed


def test_a_vertical_swipe_scrolls_the_page_and_leaves_the_comparison_alone(holding):
    holding.touch(holding.point(0.3, 0.5), holding.point(0.8, 0.55))
    assert slider(holding) == pytest.approx(80, abs=3)
    assert holding.page.evaluate("scrollY") == 0
    holding.touch(holding.point(0.3, 0.9), holding.point(0.32, 0.2))
    soon(lambda: holding.page.evaluate("scrollY") > 100)
    assert slider(holding) == pytest.approx(80, abs=3)


def test_by_touch_two_fingers_zoom_and_one_pans_what_is_zoomed(holding):
    fitting, middle = size(holding), holding.point(0.5, 0.5)
    with holding.fingers() as put:
        put((middle[0] - 20, middle[1]))
        for away in range(20, 90, 10):
            put((middle[0] - away, middle[1]), (middle[0] + away, middle[1]))
    assert size(holding) == pytest.approx(4 * fitting, rel=0.05)
    assert holding.point(0.5, 0.5) == pytest.approx(middle, abs=3)
    assert holding.page.evaluate("visualViewport.scale") == 1  # the photo, not the page
    start, compared = left_top(holding), slider(holding)
    holding.touch((200, 320), (140, 230))
    assert left_top(holding) - start == pytest.approx([-60, -90], abs=8)  # less the first few, which decide
    assert slider(holding) == compared and holding.page.evaluate("scrollY") == 0
    holding.double_tap(200, 300)
    soon(lambda: size(holding) == pytest.approx(fitting, rel=0.01))


def test_a_finger_that_rests_gets_a_loupe_of_the_place_that_is_then_corrected(holding):
    page, loupe = holding.page, holding.page.locator("#loupe")
    page.locator("#correct").tap()
    with holding.fingers() as put:
        put(holding.point(0.5, 0.5))
        expect(loupe).to_be_visible()
        put(holding.point(0.72, 0.12))
        box, (x, y) = loupe.bounding_box(), holding.point(0.72, 0.12)
        assert not (box["x"] <= x <= box["x"] + box["width"] and box["y"] <= y <= box["y"] + box["height"])
        red, _, blue = loupe.evaluate("one => [...one.getContext('2d').getImageData(one.width / 2, 20, 1, 1).data]")[:3]
        assert blue > red + 10  # the sky
    expect(loupe).to_be_hidden()
    expect(page.locator("#palette")).to_be_visible()
    marker = page.locator(".marker").bounding_box()
    assert (marker["x"] + 15, marker["y"] + 15) == pytest.approx(holding.point(0.72, 0.12), abs=3)
    assert page.evaluate("scrollY") == 0 or holding.point(0.72, 0.12)[1] > 30


@pytest.mark.parametrize(("width", "height"), [(400, 6000), (6000, 400)])
def test_a_very_long_photo_is_no_thread(visit, service, gray_photo, tmp_path, width, height):
    (tmp_path / "scroll.jpg").write_bytes(encode(gray_photo.resize((width, height)), "JPEG"))
    visitor = visit(service.url, **PHONE)
    visitor.choose(tmp_path / "scroll.jpg")
    visitor.wait_for_result()
    page = visitor.page
    box, view = page.locator("#frame").bounding_box(), page.locator("#view").bounding_box()
    across, along = ("width", "height") if width < height else ("height", "width")
    assert box[across] == pytest.approx(view[across], abs=1) and box[across] > 110
    assert box[along] > 3 * view[along]
    axis = 0 if along == "width" else 1
    start = left_top(visitor)[axis]
    x, y = view["x"] + view["width"] * 0.8, view["y"] + view["height"] / 2
    visitor.touch((x, y), (x - 50, y) if axis == 0 else (x, y - 50))
    assert start - left_top(visitor)[axis] == pytest.approx(50, abs=8)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_switch_for_correcting_stays_in_sight(visit, service):
    visitor = visit(service.url, viewport={"width": 390, "height": 480}, has_touch=True)
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    for end in ("0", "document.body.scrollHeight"):
        visitor.page.evaluate(f"scrollTo(0, {end})")
        expect(visitor.page.locator("#correct")).to_be_in_viewport(ratio=1)
    assert visitor.page.evaluate("scrollY") > 200


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_asked_for_less_motion(visit, service, motion):
    visitor = visit(service.url, reduced_motion=motion)
    visitor.page.evaluate("""() => {
        window.moved = 0;
        for (const kind of ["animationstart", "transitionrun"]) addEventListener(kind, () => moved++, true);
        window.sizes = new Set();
        new ResizeObserver(() => sizes.add(document.getElementById("frame").clientWidth))
          .observe(document.getElementById("frame"));
    }""")
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    visitor.page.locator("#correct").click()
    visitor.page.mouse.click(*visitor.point(0.5, 0.5))
    expect(visitor.page.locator("#palette")).to_be_visible()
    visitor.page.evaluate("sizes.clear()")
    visitor.page.locator("#zoom-actual").click()
    expect(visitor.page.locator("#zoom-actual")).to_have_attribute("aria-pressed", "true")
    still = motion == "reduce"
    assert (visitor.page.evaluate("moved") == 0) == still
    assert (visitor.page.evaluate("sizes.size") <= 1) == still
