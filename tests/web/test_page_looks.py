"""Strength and warmth of the colours: the browser shows them at once, and the service's result looks the same."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from colorize_service.imaging import adjust
from colorize_service.server.web import FOLDER
from tests.support.service import ROOT

CAMERA = ROOT / "examples" / "camera.jpg"
SATURATION, WARMTH = "Strength of the colours", "Warmth of the colours"


@pytest.fixture
def coloured(visitor):
    """A visitor with a photo of which all is shown as the result has it."""
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    visitor.page.locator("#slider").fill("0")
    return visitor


def screen(visitor) -> np.ndarray:
    """What is shown of the result, its labels and its divider left out: float (h, w, 3)."""
    shown = Image.open(io.BytesIO(visitor.page.locator("#frame").screenshot())).convert("RGB")
    pixels = np.asarray(shown).astype(float)
    return pixels[60:-20, 60:-20]


def set_look(visitor, **values: float) -> None:
    for name, value in values.items():
        visitor.page.locator(f"#{name}").fill(str(value))


def wait_for_the_services(visitor, shown: str) -> None:
    """Wait until the service's own result is on the screen in the place of ``shown``."""
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", shown)
    visitor.wait_for_result()
    expect(visitor.page.locator(".changed-look")).to_have_count(0)


@pytest.mark.parametrize(
    "look",
    [
        {"saturation": 2, "warmth": -1},
        {"saturation": 1.5},
        {"saturation": 0.5, "warmth": 0.5},
        {"saturation": 0, "warmth": 1},
    ],
)
def test_a_look_is_shown_before_the_service_answers_and_as_the_service_makes_it(service, coloured, look):
    as_it_was, shown = screen(coloured), coloured.result
    with service.frozen():
        set_look(coloured, **look)
        preview = screen(coloured)
    wait_for_the_services(coloured, shown)
    result = screen(coloured)
    assert np.abs(result - as_it_was).mean() > 4
    assert np.abs(result - preview).mean() < 3


def test_the_browsers_warmth_is_the_services():
    cb, cr = re.search(r"WARMEST = { cb: (-?\d+), cr: (-?\d+) }", (FOLDER / "js" / "looks.js").read_text()).groups()
    neutral = np.full((1, 1, 2), 128, np.uint8)
    assert [int(cb), int(cr)] == (adjust(neutral, warmth=1)[0, 0].astype(int) - 128).tolist()


def test_colours_come_back_at_once_after_a_look_without_any(service, coloured):
    as_it_was, shown = screen(coloured), coloured.result
    set_look(coloured, saturation=0)
    wait_for_the_services(coloured, shown)
    with service.frozen():
        set_look(coloured, saturation=0.9)
        preview = screen(coloured)
    assert np.abs(preview - as_it_was).mean() < 3


def test_what_is_saved_looks_as_what_is_shown_however_soon(coloured, tmp_path):
    set_look(coloured, saturation=0)
    saved = coloured.save(coloured.page.get_by_role("link", name="Save").click)
    saved.save_as(tmp_path / "gray.jpg")
    pixels = np.asarray(Image.open(tmp_path / "gray.jpg").convert("RGB")).astype(int)
    assert np.ptp(pixels, axis=2).mean() < 2


def test_looks_are_set_by_keyboard_and_said_in_words(coloured):
    page = coloured.page
    shown = coloured.result
    page.get_by_label(WARMTH).focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_label(WARMTH)).to_have_attribute("aria-valuetext", "90 % cooler")
    expect(page.locator(".changed-look")).to_have_count(1)
    wait_for_the_services(coloured, shown)
    page.keyboard.press("Control+Z")
    expect(page.locator("#warmth-value")).to_have_text("As they are")
    expect(page.locator("#after")).to_have_attribute("src", shown)


def test_a_row_of_small_moves_asks_the_service_once(coloured):
    page, shown = coloured.page, coloured.result
    # In the page itself: a busy machine would make a pause between moves of the mouse.
    page.get_by_label(SATURATION).evaluate("""async (slider) => {
      for (let step = 1; step <= 12; step++) {
        slider.value = 1 + step / 20;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((done) => setTimeout(done, 20));
      }
      slider.dispatchEvent(new Event("change", { bubbles: true }));
    }""")
    wait_for_the_services(coloured, shown)
    assert sum(address.endswith("/colorize") for address in coloured.requests) == 2
