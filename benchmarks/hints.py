"""``python -m benchmarks.hints``: what hints and likely colours cost on a photo of 12 megapixels.

Over HTTP, against the running service with its default settings: ``POST /colorize`` without and with hints, and ``POST
/colors``. All kinds of requests in turns, so that a change of the machine's speed meets them alike. Then the steps
themselves, in this process, beside their floors: of the hints, that each cell of the grid is compared with its four
neighbours once for each hint; of the likely colours, one run of the model.
"""

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.load import Client, cpu_seconds, form, photo
from colorize_service import EMBEDDED_BUNDLE, hints
from colorize_service.colorizer import Colorizer
from colorize_service.hints import blend_hints
from colorize_service.imaging import shrink
from colorize_service.inference.model import Model, Setup, load_folder
from colorize_service.likely import LikelyColour, likely_colours
from colorize_service.options import Hint
from tests.support.service import Service

SIZE = (4000, 3000)
COUNTS = (1, 20, 100)


def some_hints(count: int) -> list[Hint]:
    """Hints all over a photo, always the same."""
    rng = np.random.default_rng(0)
    return [Hint(x, y, (40 + i, 128, 255 - i)) for i, (x, y) in enumerate(rng.uniform(0, 1, (count, 2)).tolist())]


def as_field(given: list[Hint]) -> str:
    """The form field of these hints."""
    return json.dumps([{"x": each.x, "y": each.y, "color": "#{:02x}{:02x}{:02x}".format(*each.rgb)} for each in given])


def in_turns(
    calls: Mapping[str, Callable[[], object]], cpu: Callable[[], float], runs: int
) -> dict[str, tuple[float, float]]:
    """Median seconds and mean processor seconds of each call."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for run in range(runs + 2):
        for name, call in calls.items():
            started, before = time.perf_counter(), cpu()
            call()
            if run >= 2:
                times[name].append((time.perf_counter() - started, cpu() - before))
    return {
        name: (statistics.median(s for s, _ in each), statistics.mean(c for _, c in each))
        for name, each in times.items()
    }


def measure_service(jpeg: bytes, runs: int) -> None:
    """Print the table of the requests."""
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        client = Client(service.port)
        upload = json.loads(client.answer("POST", "/upload", form(jpeg)))["image_id"]
        bodies = {"`/colorize`": ("/colorize", form(jpeg))}
        bodies |= {
            f"`/colorize`, {count} hints": ("/colorize", form(jpeg, hints=as_field(some_hints(count))))
            for count in COUNTS
        }
        bodies["`/colors`"] = ("/colors", form(jpeg, x="0.4", y="0.6"))
        bodies["`/colors` of an upload"] = ("/colors", form(None, image_id=upload, x="0.4", y="0.6"))
        calls = {name: functools.partial(client.answer, "POST", *body) for name, body in bodies.items()}
        found = in_turns(calls, lambda: cpu_seconds(service.pid), runs)
    print("| request | median ms | CPU ms | more than without hints |\n|---|---|---|---|")
    plain = next(iter(found.values()))[1]
    for name, (median, cpu) in found.items():
        more = f"{(cpu - plain) * 1e3:.0f}" if "hints" in name else ""
        print(f"| {name} | {median * 1e3:.0f} | {cpu * 1e3:.0f} | {more} |")


def measure_steps(jpeg: bytes, runs: int) -> None:
    """Print the table of the steps."""
    model = load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1))
    colorizer = Colorizer(model, max_pixels=10**9)
    opened = colorizer.open(jpeg)
    small = shrink(opened.luma(), model.processing_size(*opened.size))
    chroma = model.chroma(small)
    calls: dict[str, Callable[[], object]] = {}
    for count in COUNTS:
        given = some_hints(count)
        calls[f"{count} hints"] = functools.partial(blend_hints, small, chroma, given)
        calls[f"{count} floor"] = visits(count, small.shape)
    calls["likely colours"] = lambda: suggest(model, small)
    calls["likely floor"] = lambda: model.chroma(small)
    found = in_turns(calls, time.process_time, 2 * runs)
    print("\n| step | median ms | CPU ms | floor CPU ms |\n|---|---|---|---|")
    for name, (median, cpu) in found.items():
        if "floor" not in name:
            floor = found[f"{name.split()[0]} floor"][1]
            print(f"| {name} | {median * 1e3:.1f} | {cpu * 1e3:.1f} | {floor * 1e3:.1f} |")


def suggest(model: Model, small: NDArray[np.uint8]) -> list[LikelyColour]:
    """Likely colours of the small copy of a photo, as the colorizer finds them."""
    found = model.distribution(small)
    weights = hints.surface(small, found.chroma, 0.4, 0.6)
    return likely_colours(128, found.bins, np.einsum("qhw,hw->q", found.chances, weights / weights.sum()))


def visits(count: int, shape: tuple[int, ...]) -> Callable[[], None]:
    """Compares each cell of the hints' grid with four neighbours, for so many hints."""
    scale = hints.GRID / min(shape)
    paths, costs = (np.ones((count, *(round(side * scale) for side in shape)), np.float32) for _ in range(2))
    buffer = np.empty_like(paths)

    def visit() -> None:
        for _ in range(4):
            np.add(paths, costs, out=buffer)
            np.minimum(paths, buffer, out=paths)

    return visit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30, help="of each request; the steps run twice as often")
    runs = parser.parse_args().runs
    jpeg = photo(*SIZE)
    measure_service(jpeg, runs)
    measure_steps(jpeg, runs)


if __name__ == "__main__":
    main()
