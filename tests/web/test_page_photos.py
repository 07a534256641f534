"""What the page says of the photos that it gets, and what it does with several."""

import io
import re
import zipfile

import numpy as np
import requests
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


# --- several ---------------------------------------------------------------------------------------------------------


def test_all_results_are_saved_in_one_file_and_what_failed_is_said(visitor, gray_jpeg, letter_path, tmp_path):
    names = [
        "cat.jpg",
        "two/cat.jpg",
        "three/Cat.png",
        "Müller & Söhne.jpg",
        "a:b?.jpg",
        "scan.tar.jpg",
        "x" * 200 + ".jpg",
        "-.jpg",
    ]
    photos = [tmp_path / name for name in names]
    for photo in photos:
        photo.parent.mkdir(exist_ok=True)
        photo.write_bytes(gray_jpeg)
    visitor.choose(*photos, letter_path)
    page = visitor.page
    expect(page.locator("#strip [aria-label*='Coloured']")).to_have_count(8)
    expect(page.locator("#failures li")).to_have_text([re.compile("^letter.jpg: .*not an image")])
    expect(page.locator("#strip .name").first).to_have_text("cat.jpg")
    visitor.tab_to("save-all")
    download = visitor.save(lambda: page.keyboard.press("Enter"))
    expect(page.locator("#all-saved")).to_have_text("8 photos saved. Not in the file: letter.jpg.")
    download.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
        assert archive.read("cat-color.jpg") == requests.get(f"{visitor.url}/{visitor.result}", timeout=30).content
        assert Image.open(io.BytesIO(archive.read("Müller & Söhne-color.jpg"))).size == (451, 300)
    saved = [entry.filename for entry in entries]
    assert saved[:3] == ["cat-color.jpg", "cat-color (2).jpg", "Cat-color (3).jpg"]
    assert len({name.lower() for name in saved}) == 8
    assert all(re.fullmatch(r"[^/\\:?]{1,140}\.jpg", name) for name in saved)
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}


def test_results_that_are_gone_are_named_and_the_others_saved(visitor, service, photo_path, gray_jpeg, tmp_path):
    (tmp_path / "lost.jpg").write_bytes(gray_jpeg)
    visitor.choose(photo_path, tmp_path / "lost.jpg")
    expect(visitor.page.locator("#strip [aria-label*='Coloured']")).to_have_count(2)
    visitor.page.locator("#strip button").nth(1).click()
    visitor.page.route(f"**/{visitor.result}", lambda route: route.fulfill(status=404, json={"detail": "gone"}))
    download = visitor.save(visitor.page.get_by_role("button", name="Save all 2").click)
    expect(visitor.page.locator("#all-saved")).to_have_text(
        "1 photo saved. Not in the file: lost.jpg (it is no longer there)."
    )
    with zipfile.ZipFile(download.path()) as archive:
        assert archive.namelist() == ["cat-color.jpg"]


# --- a result for others ---------------------------------------------------------------------------------------------


def test_the_picture_is_copied_as_it_is_stored(visitor, photo_path):
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.choose(photo_path)
    visitor.wait_for_result()
    visitor.tab_to("copy-picture")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("#status")).to_have_text("The picture is copied.")
    copied = visitor.page.evaluate("""async () => {
      const [item] = await navigator.clipboard.read();
      return [...new Uint8Array(await (await item.getType("image/png")).arrayBuffer())];
    }""")
    pixels = np.asarray(Image.open(io.BytesIO(bytes(copied))).convert("RGB")).astype(int)
    result = Image.open(io.BytesIO(requests.get(f"{visitor.url}/{visitor.result}", timeout=30).content))
    assert np.abs(pixels - np.asarray(result)).mean() < 1


def test_where_there_is_neither_a_share_sheet_nor_a_clipboard_nothing_is_offered(visit, service, photo_path):
    hide = "delete window.ClipboardItem; Object.defineProperty(navigator, 'canShare', { value: undefined });"
    visitor = visit(service.url, prepare=lambda context: context.add_init_script(hide))
    visitor.choose(photo_path)
    visitor.wait_for_result()
    expect(visitor.page.get_by_role("button", name="Share")).to_be_hidden()
    expect(visitor.page.get_by_role("button", name="Copy picture")).to_be_hidden()


def test_the_share_sheet_gets_the_stored_file_under_the_photos_name(visit, service, photo_path):
    # Chromium has none on Linux: this stands where a phone's would be.
    sheet = """Object.defineProperty(navigator, "canShare", { value: ({ files }) => files.length === 1 });
      Object.defineProperty(navigator, "share", { value: async ({ files: [file] }) => {
        window.shared = [file.name, file.type, file.size];
      } });"""
    visitor = visit(service.url, prepare=lambda context: context.add_init_script(sheet))
    visitor.choose(photo_path)
    visitor.wait_for_result()
    visitor.page.get_by_role("button", name="Share").click()
    visitor.page.wait_for_function("window.shared")
    size = len(requests.get(f"{visitor.url}/{visitor.result}", timeout=30).content)
    assert visitor.page.evaluate("window.shared") == ["cat-color.jpg", "image/jpeg", size]
