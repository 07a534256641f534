"""``python -m benchmarks.page``: what the page costs a visitor, in Debian's Chromium on this machine.

Bytes, first paint, largest paint and layout shift of the empty page; then layout shift and time from the choice of a
photo to its colours on the screen. The floors are a page with one word, and the same two calls without a browser.
"""

import argparse
import statistics
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page

from tests.support.browser import Visitor, chromium
from tests.support.service import ROOT, Service

PHOTO = ROOT / "examples" / "camera.jpg"
OBSERVE = """
  window.seen = { paint: 0, largest: 0, shift: 0 };
  new PerformanceObserver((list) => list.getEntries().forEach((one) => seen.shift += one.value))
    .observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => list.getEntries().forEach((one) => seen.largest = one.startTime))
    .observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => list.getEntries().forEach((one) => seen.paint ||= one.startTime))
    .observe({ type: "paint", buffered: true });"""


COLOURED = """() => new Promise((done) => {
  const look = () => document.getElementById("status").textContent.startsWith("Coloured") ? done()
    : requestAnimationFrame(look);
  look();
})"""


class Load:
    """One first visit: nothing of the page is in the browser's cache."""

    def __init__(self, browser: Browser, url: str):
        self._bytes = 0
        self.visitor = Visitor(browser, url, prepare=lambda context: context.add_init_script(OBSERVE))
        self.page: Page = self.visitor.page
        session = self.visitor.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._count)
        self.visitor.visit()
        self.page.wait_for_timeout(300)  # for what shifts late
        self.bytes, self.seen = self._bytes, self.page.evaluate("seen")

    def _count(self, event: dict) -> None:
        self._bytes += event["encodedDataLength"]

    def colour(self) -> float:
        """Seconds from the choice of a photo until its colours are on the screen."""
        started = time.perf_counter()
        self.visitor.choose(PHOTO)
        self.page.evaluate(COLOURED)
        return time.perf_counter() - started


def blank_page(folder: Path) -> ThreadingHTTPServer:
    """A server of a page with one word."""
    (folder / "index.html").write_text("<!doctype html><html lang=en><title>Blank</title><p>Blank")
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def two_calls(url: str) -> float:
    """Seconds of upload, colorize and the result's bytes."""
    started = time.perf_counter()
    with requests.Session() as client:
        image_id = client.post(f"{url}/upload", files={"file": PHOTO.read_bytes()}, timeout=60).json()["image_id"]
        answer = client.post(f"{url}/colorize", data={"image_id": image_id}, timeout=60).json()
        client.get(answer["download_url"], timeout=60)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="first visits")
    parser.add_argument("--picture", type=Path, help="also take a picture of the page, such as docs/page.jpg")
    arguments = parser.parse_args()
    runs = arguments.runs
    loads, floors, times, calls = [], [], [], []
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service, chromium() as browser:
        blank = blank_page(Path(folder))
        blank_url = f"http://127.0.0.1:{blank.server_address[1]}"
        two_calls(service.url)
        for _ in range(runs):  # in turns, so that a change of the machine's speed meets both
            load, floor = Load(browser, service.url), Load(browser, blank_url)
            loads.append(load)
            floors.append(floor.seen)
            times.append(load.colour())
            calls.append(two_calls(service.url))
            load.seen["flow"] = load.page.evaluate("seen.shift")
            load.visitor.context.close()
            floor.visitor.context.close()
        blank.shutdown()
        if arguments.picture:
            load = Load(browser, service.url)
            load.colour()
            load.page.wait_for_timeout(300)
            load.page.screenshot(path=arguments.picture, type="jpeg", quality=82)

    def median(name: str, seen: list[dict]) -> str:
        return f"{statistics.median(one[name] for one in seen):.0f}"

    seen = [load.seen for load in loads]
    print("| | the page | floor |\n|---|---|---|")
    print(f"| kB before the first photo | {loads[0].bytes / 1000:.1f} | – |")
    print(f"| first paint, ms | {median('paint', seen)} | {median('paint', floors)} |")
    print(f"| largest paint, ms | {median('largest', seen)} | {median('largest', floors)} |")
    print(f"| layout shift, most | {max(one['shift'] for one in seen):.3f} | 0 |")
    print(f"| layout shift with a photo coloured, most | {max(one['flow'] for one in seen):.3f} | 0 |")
    print(
        f"| photo chosen to colours shown, ms | {statistics.median(times) * 1e3:.0f} | "
        f"{statistics.median(calls) * 1e3:.0f} |"
    )


if __name__ == "__main__":
    main()
