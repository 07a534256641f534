"""Debian's Chromium, driven by Playwright: the page as a person meets it."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Download, Page, expect, sync_playwright

from tests.support import needs

expect.set_options(timeout=30_000)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    program = needs.program("chromium", "chromium-browser", package="chromium")
    with sync_playwright() as playwright:
        # A sandbox needs rights that root in a container does not have.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody at the page, with a browser window of his own.

    ``prepare`` gets the browser's context before the page is opened, ``options`` are the context's own.
    ``messages`` collects what the browser's console says, ``requests`` the addresses that were asked for.
    """

    def __init__(self, browser: Browser, url: str, prepare=lambda context: None, **options: object):
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"} | options
        )
        prepare(self.context)
        self.page: Page = self.context.new_page()
        self.url, self.messages, self.requests = url, [], []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("filechooser", lambda _: None)  # from now on, or the first one may open before it is waited for
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium itself notes each answer that is an error, and those are what some tests are about.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.messages.append(message.text)

    def visit(self) -> "Visitor":
        """Open the page and wait until its scripts listen."""
        self.page.goto(f"{self.url}/", wait_until="load")
        return self

    def choose(self, *photos: Path) -> None:
        """Choose files as with the button."""
        self.page.set_input_files("#files", photos)

    def drop(self, *photos: Path) -> None:
        """Drop files onto the page, as the browser gets them from the desktop."""
        session = self.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(photo) for photo in photos], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})

    def wait_for_result(self) -> str:
        """Wait until the photo has its colours; the result's path."""
        expect(self.page.locator("#status")).to_contain_text("Coloured")
        return self.result

    @property
    def result(self) -> str:
        """The path of the result that is shown."""
        return self.page.locator("#after").get_attribute("src")

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where on the screen a place of the photo is; x and y from 0 to 1."""
        box = self.page.locator("#frame").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def touch(self, *path: tuple[float, float]) -> None:
        """Put a finger on the first point of the screen, draw it to the others, lift it."""
        with self.fingers() as put:
            put(path[0])
            for start, end in itertools.pairwise(path):
                for step in range(1, 9):
                    put(tuple(a + (b - a) * step / 8 for a, b in zip(start, end, strict=True)))

    def double_tap(self, x: float, y: float) -> None:
        """Tap twice on a point of the screen, a tenth of a second apart however slow the machine is."""
        session, now = self.context.new_cdp_session(self.page), time.time()
        for after in (0.0, 0.1):
            for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
                event = {"type": kind, "touchPoints": points, "timestamp": now + after}
                session.send("Input.dispatchTouchEvent", event)
        session.detach()

    @contextlib.contextmanager
    def fingers(self) -> Iterator[Callable[..., None]]:
        """``put(point, ...)`` lays or moves one finger for each point of the screen; at the end all are lifted."""
        session = self.context.new_cdp_session(self.page)
        down = 0

        def put(*points: tuple[float, float]) -> None:
            nonlocal down
            touches = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
            kind = "touchMove" if len(points) == down else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
            down = len(points)

        yield put
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()

    def tab_to(self, element_id: str) -> None:
        """Press Tab until that element has the focus."""
        for _ in range(60):
            if self.page.evaluate("document.activeElement.id") == element_id:
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to #{element_id}")

    def save(self, press) -> Download:
        """What is downloaded when ``press()`` is called."""
        with self.page.expect_download() as download:
            press()
        return download.value
