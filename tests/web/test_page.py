"""The page for people, in a real browser against the real service."""

import io
import re

import numpy as np
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect
from skimage import color

from tests.conftest import encode
from tests.server.test_hints import hue_distance
from tests.support.service import ROOT

CAMERA = ROOT / "examples" / "camera.jpg"
COAT = (0.2, 0.6)  # a dark coat in that photo


def stored(visitor) -> bytes:
    return requests.get(f"{visitor.url}/{visitor.result}", timeout=30).content


def ab(jpeg: bytes) -> np.ndarray:
    """The picture's a* and b*: float (h, w, 2)."""
    return color.rgb2lab(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))[..., 1:]


def around(planes: np.ndarray, x: float, y: float) -> np.ndarray:
    column, row = int(x * planes.shape[1]), int(y * planes.shape[0])
    return planes[row - 10 : row + 10, column - 10 : column + 10]


def shown_chroma(visitor) -> float:
    """Mean distance from gray of what the browser has on its screen in the photo's place, in levels."""
    screen = np.asarray(Image.open(io.BytesIO(visitor.page.locator("#frame").screenshot())).convert("RGB")).astype(int)
    return float((screen.max(axis=2) - screen.min(axis=2)).mean())


def slider(visitor) -> float:
    return float(visitor.page.locator("#slider").input_value())


# --- a photo gets its colours ----------------------------------------------------------------------------------------


def test_a_dropped_photo_is_shown_at_once_and_then_in_colour(service, visitor):
    with service.frozen():
        visitor.drop(CAMERA)
        expect(visitor.page.locator("#before")).to_be_visible()
        expect(visitor.page.locator("#progress")).to_be_visible()
        expect(visitor.page.locator("#status")).to_contain_text("…")
        expect(visitor.page.locator("#elapsed")).to_contain_text(re.compile(r"\d s so far|% sent"))
        assert shown_chroma(visitor) < 2
    visitor.wait_for_result()
    assert shown_chroma(visitor) > 15
    assert np.linalg.norm(ab(stored(visitor)), axis=2).mean() > 5
    expect(visitor.page.locator("#progress")).to_be_hidden()


def test_a_pasted_photo_gets_its_colours(visitor):
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.page.evaluate("""async () => {
      const canvas = document.createElement("canvas");
      canvas.getContext("2d").drawImage(document.querySelector(".example-picture img"), 0, 0);
      const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    }""")
    visitor.page.keyboard.press("Control+V")
    visitor.wait_for_result()


def test_the_example_needs_no_photo_of_ones_own(visitor):
    visitor.page.get_by_role("button", name="Try it with this photo").click()
    assert ab(requests.get(f"{visitor.url}/{visitor.wait_for_result()}", timeout=30).content).std() > 5


def test_a_phone_offers_its_camera(visit, service):
    phone = visit(service.url, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    with phone.page.expect_file_chooser() as chooser:
        phone.page.get_by_role("button", name="Take a photo").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(CAMERA)
    phone.wait_for_result()


def test_a_format_that_the_browser_does_not_know_is_shown_as_soon_as_the_service_has_it(visitor, gray_photo, tmp_path):
    (tmp_path / "scan.tiff").write_bytes(encode(gray_photo, "TIFF"))
    visitor.choose(tmp_path / "scan.tiff")
    visitor.wait_for_result()
    assert visitor.page.locator("#before").get_attribute("src").startswith("uploads/")
    assert visitor.page.evaluate("document.getElementById('before').naturalWidth") == gray_photo.width


def test_the_photo_is_sent_once_however_often_it_is_coloured(service, visitor):
    visitor.choose(CAMERA)
    first = visitor.wait_for_result()
    gray = visitor.page.get_by_label("Strength of the colours")
    gray.fill("0")
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", first)
    assert np.linalg.norm(ab(stored(visitor)), axis=2).mean() < 1
    assert sum(address.endswith("/upload") for address in visitor.requests) == 1


# --- before and after ------------------------------------------------------------------------------------------------


def test_the_slider_moves_by_mouse(visitor):
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    colourful = shown_chroma(visitor)
    mouse = visitor.page.mouse
    mouse.move(*visitor.point(0.5, 0.5))
    mouse.down()
    mouse.move(*visitor.point(0.7, 0.5), steps=3)
    mouse.move(*visitor.point(0.9, 0.5), steps=3)
    mouse.up()
    mouse.move(*visitor.point(0.2, 0.5))
    assert 88 < slider(visitor) < 92
    assert shown_chroma(visitor) < colourful / 2


def test_the_slider_moves_by_touch(visit, service):
    visitor = visit(service.url, viewport={"width": 390, "height": 800}, has_touch=True)
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    visitor.page.touchscreen.tap(*visitor.point(0.25, 0.5))
    assert 23 < slider(visitor) < 27


def test_the_slider_moves_by_keyboard(visitor):
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    visitor.tab_to("slider")
    for key in ("ArrowRight", "ArrowRight", "PageUp"):
        visitor.page.keyboard.press(key)
    assert 55 < slider(visitor) < 70
    visitor.page.keyboard.press("Home")
    assert slider(visitor) == 0


# --- correcting a colour ---------------------------------------------------------------------------------------------


def place_hint(visitor, x: float, y: float, rgb: str) -> None:
    """Click a place and choose its colour; returns when the result has followed."""
    before = visitor.result
    if visitor.page.locator("#correct").get_attribute("aria-pressed") == "false":
        visitor.page.locator("#correct").click()
    visitor.page.mouse.click(*visitor.point(x, y))
    expect(visitor.page.locator("#palette")).to_be_visible()
    visitor.page.get_by_label("Other colour").fill(rgb)
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", before)
    visitor.page.keyboard.press("Escape")


@pytest.fixture
def corrected(visitor):
    """A visitor who has made the coat red; beside him the result without."""
    visitor.choose(CAMERA)
    first = visitor.wait_for_result()
    place_hint(visitor, *COAT, "#b03030")
    return visitor, first


def test_a_colour_is_offered_as_it_is_and_follows_what_is_chosen(corrected):
    visitor, first = corrected
    assert hue_distance(around(ab(stored(visitor)), *COAT), "#b03030") < 25
    old = Image.open(io.BytesIO(requests.get(f"{visitor.url}/{first}", timeout=30).content)).convert("RGB")
    visitor.page.mouse.click(*visitor.point(0.6, 0.8))
    offered = list(bytes.fromhex(visitor.page.locator("#colour").input_value()[1:]))
    assert np.abs(offered - around(np.asarray(old).astype(int), 0.6, 0.8).mean(axis=(0, 1))).max() < 60


def test_a_hint_can_be_removed(corrected):
    visitor, first = corrected
    visitor.page.get_by_role("button", name=re.compile("^Place 1.*remove")).click()
    expect(visitor.page.locator("#after")).to_have_attribute("src", first)
    expect(visitor.page.locator("#hints li")).to_have_count(0)


def test_steps_can_be_undone_and_done_again(corrected):
    visitor, first = corrected
    red = visitor.result
    place_hint(visitor, 0.6, 0.85, "#a08030")
    both = visitor.result
    for button, source, hints in [("Undo", red, 1), ("Undo", first, 0), ("Redo", red, 1), ("Redo", both, 2)]:
        visitor.page.get_by_role("button", name=button).click()
        expect(visitor.page.locator("#after")).to_have_attribute("src", source)
        expect(visitor.page.locator("#hints li")).to_have_count(hints)
    expect(visitor.page.get_by_role("button", name="Redo")).to_be_disabled()


# --- what becomes of the result --------------------------------------------------------------------------------------


def test_save_gives_the_stored_bytes(visitor, photo_path, tmp_path):
    visitor.choose(photo_path)
    visitor.wait_for_result()
    download = visitor.save(visitor.page.get_by_role("link", name="Save").click)
    assert download.suggested_filename == "cat-color.jpg"
    download.save_as(tmp_path / "saved.jpg")
    assert (tmp_path / "saved.jpg").read_bytes() == stored(visitor)


def test_the_copied_link_leads_to_the_result(visitor, photo_path):
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.choose(photo_path)
    visitor.wait_for_result()
    visitor.page.get_by_role("button", name="Copy link").click()
    expect(visitor.page.locator("#status")).to_have_text("The link is copied.")
    assert requests.get(visitor.page.evaluate("navigator.clipboard.readText()"), timeout=30).content == stored(visitor)


def test_without_a_clipboard_the_link_is_there_to_be_copied_by_hand(visitor, photo_path):
    visitor.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    visitor.choose(photo_path)
    visitor.wait_for_result()
    visitor.page.get_by_role("button", name="Copy link").click()
    link = visitor.page.get_by_label("Link to the result").input_value()
    assert requests.get(link, timeout=30).content == stored(visitor)


def test_several_photos_are_a_strip_with_a_progress_for_each(service, visitor, photo_path, letter_path):
    items = visitor.page.locator("#strip button")
    with service.frozen():
        visitor.choose(CAMERA, photo_path, letter_path)
        expect(items).to_have_count(3)
        expect(items.locator("progress:visible")).to_have_count(3)
    expect(items.nth(0)).to_have_attribute("aria-label", re.compile(r"camera\.jpg: Coloured"))
    expect(items.nth(1)).to_have_attribute("aria-label", re.compile(r"cat\.jpg: Coloured"))
    expect(items.nth(2)).to_have_attribute("aria-label", re.compile(r"letter\.jpg: .*not an image"))
    first = visitor.result
    items.nth(1).click()
    assert visitor.result != first and Image.open(io.BytesIO(stored(visitor))).size == (451, 300)
    visitor.page.get_by_role("button", name="Delete this photo").click()
    expect(items).to_have_count(2)


# --- for everybody ---------------------------------------------------------------------------------------------------


def test_everything_works_by_keyboard_alone(visitor, tmp_path):
    keyboard, page = visitor.page.keyboard, visitor.page
    visitor.tab_to("choose")
    with page.expect_file_chooser() as chooser:
        keyboard.press("Enter")
    chooser.value.set_files(CAMERA)
    first = visitor.wait_for_result()
    visitor.tab_to("slider")
    keyboard.press("ArrowLeft")
    assert slider(visitor) < 50
    visitor.tab_to("correct")
    keyboard.press("Enter")
    for key in ["Shift+ArrowLeft"] * 3 + ["Shift+ArrowDown"]:
        keyboard.press(key)
    keyboard.press("Enter")  # sets a hint at the crosshair, on the coat
    for _ in range(5):
        keyboard.press("ArrowDown")  # from skin past hair, foliage, sky and stone to the first colour of cloth, red
    keyboard.press("Enter")
    expect(page.locator("#after")).not_to_have_attribute("src", first)
    keyboard.press("Escape")
    red = visitor.result
    assert hue_distance(around(ab(stored(visitor)), *COAT), "#c22f34") < 25
    keyboard.press("Control+Z")
    expect(page.locator("#after")).to_have_attribute("src", first)
    keyboard.press("Control+Shift+Z")
    expect(page.locator("#after")).to_have_attribute("src", red)
    visitor.tab_to("save")
    visitor.save(lambda: keyboard.press("Enter")).save_as(tmp_path / "saved.jpg")
    assert (tmp_path / "saved.jpg").read_bytes() == stored(visitor)
    visitor.tab_to("remove")
    keyboard.press("Enter")
    expect(page.locator("#welcome")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1440, "dark")])
def test_no_state_of_the_page_has_a_barrier_or_is_wider_than_the_screen(visit, service, letter_path, width, scheme):
    visitor = visit(service.url, viewport={"width": width, "height": 800}, color_scheme=scheme)
    _check_access(visitor)
    with service.frozen():
        visitor.choose(CAMERA)
        expect(visitor.page.locator("#progress")).to_be_visible()
        _check_access(visitor)
    visitor.wait_for_result()
    _check_access(visitor)
    visitor.page.locator("#correct").click()
    visitor.page.mouse.click(*visitor.point(*COAT))
    expect(visitor.page.locator("#palette")).to_be_visible()
    _check_access(visitor)
    visitor.page.keyboard.press("Escape")
    visitor.choose(letter_path)
    expect(visitor.page.locator("#problem")).to_be_visible()
    _check_access(visitor)


def _check_access(visitor) -> None:
    # A colour on its way to another is not what a visitor reads.
    visitor.page.evaluate("""async () => {
        const changes = document.getAnimations().filter(one => one instanceof CSSTransition);
        await Promise.allSettled(changes.map(one => one.finished));
    }""")
    violations = Axe().run(visitor.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = """[...document.querySelectorAll('.card button')].filter(button =>
        button.getBoundingClientRect().right > button.closest('.card').getBoundingClientRect().right)
        .map(one => one.id)"""
    assert visitor.page.evaluate(outside) == []
