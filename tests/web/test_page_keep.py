"""A reload, or the way back, loses nothing: neither photos nor hints nor what is needed to delete them."""

import pytest
from playwright.sync_api import expect

from tests.support.service import ROOT, wait_until
from tests.web.test_page import COAT, place_hint

CAMERA = ROOT / "examples" / "camera.jpg"
KEPT = """async () => {
  const name = `colorize ${location.pathname}`;
  if (!(await indexedDB.databases()).some((each) => each.name === name)) return [];  // to open it would be to make it
  const open = indexedDB.open(name);
  await new Promise((resolve) => { open.onsuccess = resolve; });
  const all = open.result.transaction("photos").objectStore("photos").getAll();
  await new Promise((resolve) => { all.onsuccess = resolve; });
  open.result.close();
  return all.result.map((each) => each instanceof File ? each.name : JSON.stringify(each));
}"""
# The first answer to each kind of call is lost on its way.
LOSE = """const { open, send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.open = function (method, path) {
  this.path = path;
  open.call(this, method, path);
};
XMLHttpRequest.prototype.send = function (body) {
  if (!sessionStorage.getItem(this.path)) this.onload = () => this.onerror();
  sessionStorage.setItem(this.path, "lost");
  send.call(this, body);
};"""
STRENGTH = "Strength of the colours"


def kept(page) -> list[str]:
    """What the browser has of the page's photos: the names of the files, and the states as JSON."""
    return page.evaluate(KEPT)


def reload(visitor) -> list[str]:
    """Reload the page; the addresses that it asks for from then on."""
    wait_until_kept(visitor)
    visitor.requests.clear()
    visitor.page.reload()
    return visitor.requests


def wait_until_kept(visitor) -> None:
    """Wait until all photos are kept, with the result that is shown."""
    result = visitor.result or ""
    wait_until(lambda: any(result in text for text in kept(visitor.page)), 20, lambda: str(kept(visitor.page)))


@pytest.fixture
def asked(visitor) -> list[str]:
    """The questions of the browser whether the page is to be left; they are answered with yes."""
    questions = []

    def answer(dialog) -> None:
        questions.append(dialog.type)
        dialog.accept()

    visitor.page.on("dialog", answer)
    return questions


def test_two_hints_and_a_look_are_there_after_a_reload(visitor, asked, tmp_path):
    visitor.choose(CAMERA)
    first = visitor.wait_for_result()
    place_hint(visitor, *COAT, "#b03030")
    place_hint(visitor, 0.6, 0.85, "#a08030")
    hinted = visitor.result
    visitor.page.get_by_label(STRENGTH).fill("1.2")
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", hinted)
    shown = visitor.wait_for_result()
    addresses = reload(visitor)
    expect(visitor.page.locator("#after")).to_have_attribute("src", shown)
    expect(visitor.page.locator("#hints li")).to_have_count(2)
    expect(visitor.page.get_by_label(STRENGTH)).to_have_value("1.2")
    assert visitor.page.evaluate("document.getElementById('before').decode().then(() => true)")
    place_hint(visitor, 0.8, 0.2, "#79b4e6")
    expect(visitor.page.locator("#hints li")).to_have_count(3)
    for source in (shown, hinted):
        visitor.page.get_by_role("button", name="Undo").click()
        expect(visitor.page.locator("#after")).to_have_attribute("src", source)
    assert sum(address.endswith(("/upload", "/colorize")) for address in addresses) == 1  # the third hint
    assert first != shown and asked == []


def test_the_way_back_leads_to_the_photos(visitor, photo_path, letter_path):
    visitor.choose(CAMERA, photo_path, letter_path)
    items = visitor.page.locator("#strip button")
    expect(items.filter(has=visitor.page.locator(".mark:not(:empty)"))).to_have_count(3)
    items.nth(1).click()
    shown = visitor.result
    wait_until_kept(visitor)
    visitor.page.goto(f"{visitor.url}/health")
    visitor.requests.clear()
    visitor.page.go_back()
    expect(visitor.page.locator("#after")).to_have_attribute("src", shown)
    expect(visitor.page.locator("#strip .name")).to_have_text(["camera.jpg", "cat.jpg", "letter.jpg"])
    expect(items.nth(1)).to_have_attribute("aria-current", "true")
    expect(visitor.page.locator("#failures li")).to_contain_text(["letter.jpg: "])
    assert not any(address.endswith(("/upload", "/colorize")) for address in visitor.requests)


def test_a_photo_in_work_is_taken_up_again(service, visitor, photo_path):
    visitor.tab_to("choose")
    visitor.page.wait_for_load_state("networkidle")
    with service.frozen():
        visitor.choose(photo_path)
        expect(visitor.page.locator("#progress")).to_be_visible()
        wait_until(lambda: len(kept(visitor.page)) == 2, 20)
    visitor.page.reload()
    visitor.wait_for_result()


def test_what_was_stored_although_its_answer_was_lost_is_found_again_after_a_reload(serve, visit, photo_path):
    service = serve()
    visitor = visit(service.url, prepare=lambda context: context.add_init_script(LOSE))
    visitor.choose(photo_path)
    expect(visitor.page.locator("#problem")).to_contain_text("cannot be reached")
    wait_until(lambda: len(kept(visitor.page)) == 2, 20)
    visitor.page.reload()
    expect(visitor.page.locator("#problem")).to_contain_text("cannot be reached")
    visitor.page.get_by_role("button", name="Try again").click()
    visitor.wait_for_result()
    stored = sorted(path.relative_to(service.storage).parts[0] for path in service.storage.rglob("*-*-*-*-*"))
    assert stored == ["originals", "results", "uploads"]
    visitor.page.get_by_role("button", name="Delete this photo").click()
    wait_until(lambda: not list(service.storage.rglob("*-*-*-*-*")), 20)


def test_a_photo_that_is_deleted_is_gone_from_the_browser_and_after_a_reload_from_the_service(serve, visit):
    service = serve()
    visitor = visit(service.url)
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    reload(visitor)
    visitor.wait_for_result()
    assert "camera.jpg" in kept(visitor.page)
    visitor.page.get_by_role("button", name="Delete this photo").click()
    expect(visitor.page.locator("#welcome")).to_be_visible()
    wait_until(lambda: not list(service.storage.rglob("*-*-*-*-*")), 20)
    wait_until(lambda: kept(visitor.page) == [], 20)
    visitor.page.reload()
    expect(visitor.page.locator("#welcome")).to_be_visible()


def test_a_result_that_the_service_has_deleted_meanwhile_is_made_again(serve, visit):
    service = serve()
    visitor = visit(service.url)
    visitor.choose(CAMERA)
    shown = visitor.wait_for_result()
    for path in service.storage.rglob("*-*-*-*-*"):
        path.unlink()
    reload(visitor)
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", shown)
    visitor.wait_for_result()
    assert visitor.page.evaluate("document.getElementById('after').decode().then(() => true)")


def test_another_tab_starts_empty_and_deletes_what_was_abandoned_a_day_ago(visitor, photo_path):
    visitor.choose(photo_path)
    visitor.wait_for_result()
    wait_until_kept(visitor)
    other = visitor.context.new_page()
    other.goto(f"{visitor.url}/")
    expect(other.locator("#welcome")).to_be_visible()
    assert "cat.jpg" in kept(other)
    other.add_init_script("const now = Date.now; Date.now = () => now() + 25 * 3600e3;")
    other.reload()
    wait_until(lambda: kept(other) == [], 20)
    expect(other.locator("#welcome")).to_be_visible()


def test_the_page_asks_before_it_is_left_where_the_browser_keeps_nothing(visit, service, photo_path):
    nowhere = "Object.defineProperty(window, 'indexedDB', { value: undefined });"
    visitor = visit(service.url, prepare=lambda context: context.add_init_script(nowhere))
    _check_asks(visitor, photo_path)


def test_the_page_asks_before_it_is_left_where_there_is_no_room(visitor, photo_path):
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": visitor.url, "quotaSize": 10})
    _check_asks(visitor, photo_path)


def _check_asks(visitor, photo_path) -> None:
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.get_by_role("button", name="Choose photos").click()  # browsers ask only for who has clicked
    chooser.value.set_files(photo_path)
    visitor.wait_for_result()
    questions = []

    def stay(dialog) -> None:
        questions.append(dialog.type)
        dialog.dismiss()

    visitor.page.on("dialog", stay)
    visitor.page.evaluate("location.href = 'health'")
    wait_until(lambda: visitor.page.evaluate("1") and questions, 20)
    assert questions == ["beforeunload"]
    expect(visitor.page.locator("#after")).to_be_visible()
    visitor.page.get_by_role("button", name="Delete this photo").click()
    expect(visitor.page.locator("#welcome")).to_be_visible()
    visitor.page.goto(f"{visitor.url}/health")
    assert len(questions) == 1
