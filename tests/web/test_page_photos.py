"""What the page says of the photos that it gets, and what it does with several."""

import numpy as np
from PIL import Image
from playwright.sync_api import expect
from skimage import data

OWN_COLOURS = "It has colours of its own; they are replaced."


def test_a_photo_in_colour_is_told_that_its_colours_are_replaced(visitor, photo_path, tmp_path):
    Image.fromarray(data.chelsea()).save(tmp_path / "colour.jpg")
    visitor.choose(tmp_path / "colour.jpg")
    visitor.wait_for_result()
    expect(visitor.page.get_by_text(OWN_COLOURS)).to_be_visible()
    visitor.choose(photo_path)
    visitor.wait_for_result()
    expect(visitor.page.get_by_text(OWN_COLOURS)).to_be_hidden()


def test_a_toned_print_counts_as_black_and_white(visitor, gray_photo, tmp_path):
    levels = np.asarray(gray_photo, np.float32)[..., None]
    faded = 40 + 0.8 * levels * [1, 0.95, 0.8] + [25, 12, 0]
    Image.fromarray(faded.clip(0, 255).astype(np.uint8)).save(tmp_path / "sepia.jpg", quality=90)
    visitor.choose(tmp_path / "sepia.jpg")
    visitor.wait_for_result()
    expect(visitor.page.get_by_text(OWN_COLOURS)).to_be_hidden()
