"""``python -m benchmarks.page``: what the page costs a visitor, in Debian's Chromium on this machine.

Bytes, first paint, largest paint and layout shift of the empty page; then layout shift and time from the choice of a
photo to its colours on the screen; then, with a photo of 12 megapixels, the time from a corrected colour to the picture
on the screen, and the frames while a slider moves. The floors are a page with one word, the same calls without a
browser, and frames in which nothing moves.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import requests
from PIL import Image
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
# The time in which a chosen colour is on the screen, and how much of it is the service's.
CORRECT = """async (colour) => {
  const [after, input] = [document.getElementById("after"), document.getElementById("colour")];
  const [old, started] = [after.getAttribute("src"), performance.now()];
  performance.clearResourceTimings();
  input.value = colour;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  while (after.getAttribute("src") === old) await new Promise(requestAnimationFrame);
  await after.decode();
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  const call = performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/colorize"));
  return { shown: performance.now() - started, call: call.duration };
}"""
# Milliseconds from frame to frame, and of the page's own work in each, while the slider moves or not.
MOVE = """async (moves) => {
  const [slider, frames, work] = [document.getElementById("warmth"), [], []];
  let last = await new Promise(requestAnimationFrame);
  for (let step = 0; step < 60; step++) {
    const started = performance.now();
    slider.value = moves ? Math.sin(step / 10) : slider.value;
    if (moves) slider.dispatchEvent(new Event("input", { bubbles: true }));
    work.push(performance.now() - started);
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return { frames, work };
}"""


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
        self.page.mouse.click(5, 5)  # as who looks for a photo has done, for seconds
        self.page.wait_for_timeout(1000)
        started = time.perf_counter()
        self.visitor.choose(PHOTO)
        self.page.evaluate(COLOURED)
        return time.perf_counter() - started


PLACE = {"x": 0.4, "y": 0.5}


class Correction:
    """A large photo, on which one place gets one colour after the other."""

    def __init__(self, browser: Browser, url: str, photo: Path):
        self._url = url
        self._id = requests.post(f"{url}/upload", files={"file": photo.read_bytes()}, timeout=60).json()["image_id"]
        self._visitor = Visitor(browser, url, viewport={"width": 1440, "height": 900}).visit()
        self._visitor.choose(photo)
        self._visitor.page.evaluate(COLOURED)
        self._visitor.page.locator("#correct").click()
        self._visitor.page.mouse.click(*self._visitor.point(**PLACE))
        self._visitor.page.wait_for_timeout(500)

    def shown(self, colour: str) -> dict[str, float]:
        """Milliseconds until the colour is on the screen, and of its call."""
        seen = self._visitor.page.evaluate(CORRECT, colour)
        self._visitor.page.wait_for_timeout(500)
        return seen

    def floor(self, colour: str) -> float:
        """Milliseconds of the same call and its result's bytes without a browser."""
        started = time.perf_counter()
        fields = {"image_id": self._id, "hints": json.dumps([PLACE | {"color": colour}])}
        answer = requests.post(f"{self._url}/colorize", data=fields, timeout=60).json()
        requests.get(answer["download_url"], timeout=60)
        return 1e3 * (time.perf_counter() - started)

    def frames(self, moves: bool) -> dict[str, list[float]]:
        """Milliseconds from frame to frame, and of the page's work in each."""
        seen = self._visitor.page.evaluate(MOVE, moves)
        self._visitor.page.wait_for_timeout(1500)  # for the service's own picture of it
        return seen

    def close(self) -> None:
        """Close the browser's window."""
        self._visitor.context.close()


def large_photo(path: Path) -> Path:
    """A gray photo of 12 megapixels with the grain of a film."""
    image = Image.open(PHOTO).convert("L").resize((4000, 3000), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 6, (3000, 4000))
    Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


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
        correction = Correction(browser, service.url, large_photo(Path(folder) / "large.jpg"))
        colours = [f"#c0{16 * run % 256:02x}30" for run in range(runs)]
        corrected = [(correction.shown(colour), correction.floor(colour)) for colour in colours]
        moving, resting = correction.frames(True), correction.frames(False)
        correction.close()
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
    shown = [one for one, _ in corrected]
    print(
        f"| 12 megapixels, colour corrected to shown, ms | {median('shown', shown)} | "
        f"{statistics.median(floor for _, floor in corrected):.0f} |"
    )
    print(f"| of which the call, ms | {median('call', shown)} | – |")
    frames = [f"{statistics.median(seen['frames']):.1f}" for seen in (moving, resting)]
    print(f"| the same, a slider moves: frame to frame, ms | {frames[0]} | {frames[1]} |")
    print(f"| of which the page's own work, ms | {statistics.median(moving['work']):.1f} | – |")


if __name__ == "__main__":
    main()
