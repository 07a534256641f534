"""``python -m benchmarks.compare --against PATH``: this checkout beside another one, such as an earlier version's.

All is measured in turns, so that a change of the machine's speed meets both. Both run with this Python and its
packages, each in its own folder, through what every version has: Gunicorn, the command line and the ONNX file. A ratio
is the median of the turns' own ratios, before to after where less is better, after to before in photos a second: above
1 the new one is better.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks import cli, lite, servers
from benchmarks.load import Client, form, photo, under_load
from benchmarks.servers import Server
from tests.support.service import ROOT

SIZES = [(512, 512), (1024, 1024), (2048, 2048), (4000, 3000)]
CALLS = 5  # of one client in a turn: processor time is counted in steps of 10 ms
WORSE = 1 / 1.05
MB = 2**20


class Table:
    """The rows, printed as they come, and the names of those that are worse by more than 5 %."""

    def __init__(self) -> None:
        self.worse: list[str] = []
        print("| | before | after | times better | |\n|---|---|---|---|---|")

    def add(self, name: str, before: list[float], after: list[float], more_is_better: bool = False) -> None:
        """One row, from as many figures of the one as of the other."""
        ratios = [new / old if more_is_better else old / new for old, new in zip(before, after, strict=True)]
        ratio = statistics.median(ratios)
        if ratio < WORSE:
            self.worse.append(name)
        old, new = statistics.median(before), statistics.median(after)
        print(f"| {name} | {old:.4g} | {new:.4g} | {ratio:.2f} | {'worse' * (ratio < WORSE)} |", flush=True)


def in_turns(measures: Sequence[Callable[[], list[float]]], turns: int) -> list[list[list[float]]]:
    """What each measures in each turn: by measure, figure and turn. Every second turn is the other way round."""
    rows: list[list[list[float]]] = [[] for _ in measures]
    for turn in range(turns):
        for i in sorted(range(len(measures)), reverse=bool(turn % 2)):
            rows[i].append(measures[i]())
    return [[list(figure) for figure in zip(*each, strict=True)] for each in rows]


def service(table: Table, both: list[Server], turns: int, seconds: float) -> None:
    """Time, processor time, photos a second and memory of ``POST /colorize``."""
    table.add("service idle, MB", *resident(both))
    for size in SIZES:
        body, name = form(photo(*size)), f"service {size[0]}×{size[1]}"
        calls = [partial(one_at_a_time, server, body) for server in both]
        in_turns(calls, 1)
        (ms, cpu), (new_ms, new_cpu) = in_turns(calls, 2 * turns)
        table.add(f"{name}, ms", ms, new_ms)
        table.add(f"{name}, CPU ms", cpu, new_cpu)
        (rate, cpu), (new_rate, new_cpu) = in_turns([partial(eight, server, body, seconds) for server in both], turns)
        table.add(f"{name}, 8 clients, photos/s", rate, new_rate, more_is_better=True)
        table.add(f"{name}, 8 clients, CPU ms", cpu, new_cpu)
    table.add("service after all, MB", *resident(both))


def resident(both: list[Server]) -> tuple[list[float], list[float]]:
    """Each one's memory in MB."""
    before, after = both
    return [before.memory() / MB], [after.memory() / MB]


def one_at_a_time(server: Server, body: bytes) -> list[float]:
    """Milliseconds of an answer, and of the server's processor time for it."""
    client, before = Client(server.port), server.cpu_seconds()
    times = [client.colorize(body) for _ in range(CALLS)]
    return [1e3 * statistics.median(times), 1e3 * (server.cpu_seconds() - before) / CALLS]


def eight(server: Server, body: bytes, seconds: float) -> list[float]:
    """Photos a second with 8 clients, and milliseconds of processor time for each."""
    load = under_load(server.port, server.pid, [body], seconds)
    return [load.rate, 1e3 * load.cpu]


def command_line(table: Table, checkouts: list[Path], turns: int, photos: int) -> None:
    """Photos a second of a folder, and how long the command takes to start."""
    with tempfile.TemporaryDirectory() as root:
        for size in SIZES:
            folder, results = Path(root, f"{size[0]}"), Path(root, "results")
            folder.mkdir()
            jpeg = photo(*size)
            for i in range(photos):
                (folder / f"{i}.jpg").write_bytes(jpeg)
            command = "-m", "colorize_service.cli", str(folder), "-o", str(results), "--force"
            (before, cpu), (after, new_cpu) = commands(command, checkouts, turns)
            name = f"command {size[0]}×{size[1]}"
            rates = [[photos / seconds for seconds in each] for each in (before, after)]
            table.add(f"{name}, photos/s", rates[0], rates[1], more_is_better=True)
            times = [[1e3 * seconds / photos for seconds in each] for each in (cpu, new_cpu)]
            table.add(f"{name}, CPU ms a photo", times[0], times[1])
        one = str(Path(root, "512", "0.jpg")), "-o", str(Path(root, "one.jpg")), "--force"
        starts: dict[str, tuple[str, ...]] = {"--help": ("--help",), "one photo of 512×512": one}
        for name, words in starts.items():
            (before, cpu), (after, new_cpu) = commands(("-m", "colorize_service.cli", *words), checkouts, 2 * turns)
            table.add(f"command, {name}, s", before, after)
            table.add(f"command, {name}, CPU s", cpu, new_cpu)


def commands(command: tuple[str, ...], checkouts: list[Path], turns: int) -> list[list[list[float]]]:
    """Seconds and processor seconds of the command, by checkout; the first turn, which fills caches, is left out."""
    measures = [partial(once, command, path) for path in checkouts]
    in_turns(measures, 1)
    return in_turns(measures, turns)


def once(command: tuple[str, ...], checkout: Path) -> list[float]:
    return [float(each) for each in cli.seconds(*command, cwd=checkout)]


def model(table: Table, checkouts: list[Path], turns: int) -> None:
    """One run of each checkout's model on one core."""
    sessions = [lite.session(next((path / "colorize_service").rglob("lite.onnx"))) for path in checkouts]
    for shape in lite.SHAPES:
        measures = [partial(run, session, lite.inputs(shape)) for session in sessions]
        in_turns(measures, 3)
        (before,), (after,) = in_turns(measures, 5 * turns)
        table.add(f"model {shape[0]}×{shape[1]}, ms", before, after)


def run(session: ort.InferenceSession, feed: dict[str, np.ndarray]) -> list[float]:
    started = time.perf_counter()
    session.run(None, feed)
    return [1e3 * (time.perf_counter() - started)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, metavar="PATH", help="the other checkout's folder")
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2, help="length of each load")
    parser.add_argument("--photos", type=int, default=30, help="in a folder for the command line")
    arguments = parser.parse_args()
    checkouts = [arguments.against.resolve(), ROOT]
    table = Table()
    with contextlib.ExitStack() as stack:
        both = []
        for name, path in zip(("before", "after"), checkouts, strict=True):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            both.append(stack.enter_context(servers.colorize(folder, name, path)))
        service(table, both, arguments.turns, arguments.seconds)
    command_line(table, checkouts, arguments.turns, arguments.photos)
    model(table, checkouts, arguments.turns)
    print(f"\nWorse by more than 5 %: {', '.join(table.worse) or 'none'}.")


if __name__ == "__main__":
    main()
