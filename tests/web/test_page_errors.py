"""When something goes wrong, the page says so in plain words, and the photo stays for another try."""

import threading

import pytest
import requests
from playwright.sync_api import expect

from tests.conftest import encode


def test_a_refused_photo_is_told_in_the_services_words_and_the_next_one_works(visitor, letter_path, photo_path):
    refusal = requests.post(f"{visitor.url}/upload", files={"file": letter_path.read_bytes()}, timeout=30)
    visitor.choose(letter_path)
    expect(visitor.page.get_by_role("alert").filter(visible=True)).to_have_text(refusal.json()["detail"])
    expect(visitor.page.get_by_role("button", name="Delete this photo")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Try again")).to_be_hidden()
    visitor.choose(photo_path)
    visitor.wait_for_result()


@pytest.mark.parametrize(("status", "offered"), [(500, True), (429, True), (503, True), (400, False), (422, False)])
def test_another_try_is_offered_where_it_can_help(visitor, photo_path, status, offered):
    visitor.page.route("**/upload", lambda route: route.fulfill(status=status, json={"detail": "Not now."}))
    visitor.choose(photo_path)
    expect(visitor.page.locator("#problem")).to_have_text("Not now.")
    again = visitor.page.get_by_role("button", name="Try again")
    expect(again).to_be_visible(visible=offered)
    if offered:
        visitor.page.unroute("**/upload")
        again.click()
        visitor.wait_for_result()


def test_a_service_that_wants_fewer_photos_a_minute_is_asked_again_when_it_says(visitor, photo_path):
    answer = {"status": 429, "json": {"detail": "Too many photos."}, "headers": {"Retry-After": "2"}}
    visitor.page.route("**/upload", lambda route: route.fulfill(**answer), times=1)
    visitor.choose(photo_path)
    expect(visitor.page.locator("#status")).to_have_text("Too many photos. The page tries again by itself.")
    visitor.wait_for_result()


def test_while_the_service_is_away_the_photo_stays_for_another_try(visit, serve, photo_path):
    service = serve()
    visitor = visit(service.url)
    service.kill()
    visitor.choose(photo_path)
    expect(visitor.page.locator("#problem")).to_contain_text("cannot be reached")
    expect(visitor.page.locator("#before")).to_be_visible()
    service.start()
    visitor.page.get_by_role("button", name="Try again").click()
    visitor.wait_for_result()


def test_a_file_over_the_limit_is_not_sent(visit, serve, gray_photo, tmp_path):
    visitor = visit(serve(MAX_UPLOAD_BYTES=100_000).url)
    (tmp_path / "large.bmp").write_bytes(encode(gray_photo, "BMP"))
    visitor.choose(tmp_path / "large.bmp")
    expect(visitor.page.locator("#problem")).to_have_text("This file has 0.1 MB; the service takes 0.1 MB.")
    assert not any(address.endswith("/upload") for address in visitor.requests)


def test_work_can_be_cancelled_and_taken_up_again(service, visitor, photo_path):
    with service.frozen():
        visitor.choose(photo_path)
        visitor.page.get_by_role("button", name="Cancel").click()
        expect(visitor.page.locator("#status")).to_have_text("Cancelled.")
        expect(visitor.page.locator("#before")).to_be_visible()
    assert visitor.result is None
    visitor.page.get_by_role("button", name="Try again").click()
    visitor.wait_for_result()


def test_a_busy_service_is_asked_again_by_itself(visit, serve, gray_photo, photo_path):
    service = serve(MAX_IN_WORK=1, MAX_WAITING=0)
    visitor = visit(service.url)
    large, stop = encode(gray_photo.resize((3000, 2000)), "JPEG"), threading.Event()

    def crowd() -> None:
        while not stop.is_set():
            requests.post(f"{service.url}/colorize", files={"file": large}, timeout=60)

    threads = [threading.Thread(target=crowd) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        said = visitor.page.locator("#status").filter(has_text="tries again by itself")
        visitor.choose(*[photo_path] * 6)
        expect(visitor.page.locator("#strip [aria-label*='tries again by itself']").first).to_be_visible()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    expect(visitor.page.locator("#strip [aria-label*='Coloured']")).to_have_count(6)
    expect(said).to_have_count(0)


def test_an_upload_that_was_cleared_away_is_sent_again(service, visitor, photo_path):
    visitor.choose(photo_path)
    first = visitor.wait_for_result()
    for path in (service.storage / "uploads").rglob("*.jpg"):
        path.unlink()
    visitor.page.get_by_label("Strength of the colours").fill("0.5")
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", first)
    assert sum(address.endswith("/upload") for address in visitor.requests) == 2


def test_work_can_be_cancelled_while_the_page_does_not_know_the_services_limits(visit, service, photo_path):
    visitor = visit(service.url, prepare=lambda context: context.route("**/page/settings.json", lambda _: None))
    visitor.choose(photo_path)
    visitor.page.get_by_role("button", name="Cancel").click()
    expect(visitor.page.locator("#status")).to_have_text("Cancelled.")
