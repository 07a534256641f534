"""The page at /docs in a real browser: it shows every operation, and a call with a token and a photo can be tried."""

import hashlib
import re
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.conftest import Api
from tests.support.key_server import PROJECT
from tests.support.service import ROOT

VENDORED = ROOT / "colorize_service" / "server" / "web" / "docs" / "swagger-ui"


@pytest.fixture(scope="module")
def service(keys, running):
    service = running(APP_CHECK="on", FIREBASE_PROJECT_ID=PROJECT, APP_CHECK_JWKS_URL=keys.url)
    return Api(service.url, service, keys, "gunicorn")


@pytest.fixture
def page(browser, service):
    """The page, which may say nothing in the console and call nobody but the service."""
    messages, hosts = [], set()
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{service.url}/docs")
    yield page
    page.close()
    assert messages == []
    assert hosts - {""} == {urlsplit(service.url).netloc}  # data: and blob: addresses have none


def call(page: Page, operation: str, **fields: str):
    """Try an operation, its text fields filled; the rows of its answer."""
    block = page.locator(f"#operations-{operation}")
    block.locator("button.opblock-summary-control").click()
    block.locator("button.try-out__btn").click()
    for name, value in fields.items():
        block.locator(f"tr[data-param-name='{name}'] input").fill(value)
    if block.locator("input[type=file]").count():
        block.locator("input[type=file]").set_input_files(ROOT / "examples" / "camera.jpg")
    block.locator("button.execute").click()
    answer = block.locator(".live-responses-table .response")
    expect(answer).to_have_count(1)
    return answer


def test_every_operation_of_the_document_is_shown(page, service):
    document = requests.get(f"{service.url}/openapi.json", timeout=30).json()
    names = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    blocks = page.locator(".opblock")
    expect(blocks).to_have_count(len(names))
    shown = blocks.evaluate_all("blocks => blocks.map(block => block.id)")
    assert {name.rpartition("-")[2] for name in shown} == names


def test_calls_can_be_tried_with_a_token_and_a_photo(page, service):
    page.locator("button.authorize").click()
    page.locator(".auth-container input").fill(service.keys.token())
    page.locator(".auth-btn-wrapper button.authorize").click()
    page.locator("button.btn-done").click()
    answer = call(page, "Photos-colorize")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    result_id = re.search(r'"result_id": "([^"]+)"', answer.inner_text())[1]
    assert requests.get(f"{service.url}/results/{result_id}.jpg", timeout=30).status_code == 200
    picture = call(page, "Pictures-result", filename=f"{result_id}.jpg").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 512


def test_the_vendored_files_are_the_released_ones():
    sums = dict(
        reversed(line.split())
        for line in re.findall(r"^[0-9a-f]{64}  \S+$", (VENDORED / "README.md").read_text(), re.MULTILINE)
    )
    assert set(sums) >= {path.name for path in VENDORED.glob("*.[cj]s*")}
    for name, digest in sums.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest, name
