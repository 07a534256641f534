"""The page's bin: a photo is gone from the service too, and the page says how long the others stay."""

import re

import pytest
import requests
from playwright.sync_api import expect

from tests.support.service import ROOT, wait_until

CAMERA = ROOT / "examples" / "camera.jpg"


@pytest.fixture
def page(serve, visit):
    """A visitor of a service whose store is empty."""

    def start(**settings):
        service = serve(**settings)
        return service, visit(service.url)

    return start


def stored(service) -> list[str]:
    return sorted(path.relative_to(service.storage).parts[0] for path in service.storage.rglob("*-*-*-*-*"))


def bin_it(visitor) -> None:
    visitor.page.get_by_role("button", name="Delete this photo").click()


def test_the_bin_deletes_the_photo_and_all_its_results_from_the_service(page):
    service, visitor = page()
    visitor.choose(CAMERA)
    first = visitor.wait_for_result()
    visitor.page.get_by_label("Strength of the colours").fill("0.5")
    expect(visitor.page.locator("#after")).not_to_have_attribute("src", first)
    visitor.page.get_by_label("Strength of the colours").fill("1")
    assert stored(service) == ["originals", "results", "results", "uploads"]
    bin_it(visitor)
    expect(visitor.page.locator("#welcome")).to_be_visible()
    wait_until(lambda: stored(service) == [], 20, lambda: str(stored(service)))
    assert requests.get(f"{service.url}/{first}", timeout=30).status_code == 404
    expect(visitor.page.locator("#notice")).to_be_hidden()


def test_the_bin_deletes_one_photo_and_leaves_the_others(page, photo_path):
    service, visitor = page()
    visitor.choose(CAMERA, photo_path)
    expect(visitor.page.locator("#strip [aria-label*='Coloured']")).to_have_count(2)
    bin_it(visitor)
    wait_until(lambda: stored(service) == ["originals", "results", "uploads"], 20, lambda: str(stored(service)))
    visitor.wait_for_result()
    assert requests.get(f"{service.url}/{visitor.result}", timeout=30).status_code == 200


def test_a_photo_that_is_deleted_while_it_is_in_work_leaves_nothing_either(page):
    service, visitor = page()
    visitor.page.wait_for_load_state("networkidle")  # it knows the service's limits
    with service.frozen():
        visitor.choose(CAMERA)
        expect(visitor.page.locator("#status")).to_contain_text("colours")  # all of it has been sent
        bin_it(visitor)
        expect(visitor.page.locator("#welcome")).to_be_visible()
    with visitor.page.expect_response(lambda response: response.request.method == "DELETE"):
        pass
    wait_until(lambda: stored(service) == [], 20, lambda: str(stored(service)))
    assert not any(address.endswith("/colorize") for address in visitor.requests)


def test_what_the_service_does_not_delete_is_said(page):
    service, visitor = page()
    visitor.choose(CAMERA)
    visitor.wait_for_result()
    service.kill()
    bin_it(visitor)
    expect(visitor.page.locator("#notice")).to_contain_text(
        "camera.jpg is gone from this page, but not from the service"
    )


@pytest.mark.parametrize(
    ("days", "says"),
    [(None, "kept without a limit in time"), (30, "kept for 30 days"), (1, "for 24 hours"), (1 / 24, "for 1 hour,")],
)
def test_the_page_says_how_long_photos_are_kept(page, days, says):
    _, visitor = page(**({} if days is None else {"RETENTION_DAYS": days}))
    expect(visitor.page.locator("#kept")).to_contain_text(re.compile(re.escape(says)))
