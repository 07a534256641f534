"""``python -m benchmarks.capacity``: how many of each part a fleet needs, and what its clients see in a burst.

What one photo costs is measured on this machine. The plan is computed from that, with Erlang's formula for the wait;
bursts are simulated, with the autoscaler of deploy/kubernetes/worker.yaml.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.capacity.measure import Costs, measured
from benchmarks.capacity.plan import H100, SLOTS, TFLOPS, Plan, ceilings, plan
from benchmarks.capacity.queues import Limits, Outcome, Scaling, Simulation, least_servers, mean_wait
from tests.support.deployment import documents

RATES = (1, 10, 100, 1000, 10_000)
#: Seconds: a calm beginning, a burst, and the time after it.
CALM, BURST, AFTER = 300, 180, 600
#: Seconds until a pod runs where a node has room, and where one has to be rented; assumed, not measured.
POD, NODE = 10.0, 120.0


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def costs_table(costs: dict[str, Costs]) -> str:
    def row(label: str, value: Callable[[Costs], str]) -> list[str]:
        return [label, *(value(each) for each in costs.values())]

    rows = [
        row("photo / result, MB", lambda c: f"{c.bytes_in / 1e6:.2f} / {c.bytes_out / 1e6:.2f}"),
        row("the photo's path alone, ms of a core", lambda c: f"{np.median(c.work) * 1e3:.0f}"),
        row("worker, ms of a core", lambda c: f"{c.worker_cpu * 1e3:.0f}"),
        row("API, ms of a core: photo / fetching the result", _both_api),
        row("broker, ms of a core", lambda c: f"{c.broker_cpu * 1e3:.2f}"),
        row("broker, commands", lambda c: f"{c.broker_commands:.0f}"),
        row("store (SeaweedFS), ms of a core", lambda c: f"{c.store_cpu * 1e3:.0f}"),
        row("store, requests: put and delete / get and head", lambda c: f"{c.store_puts:.1f} / {c.store_gets:.1f}"),
        row("answer, ms, one client: fleet / one process", _both_seconds),
        row("a worker's start, s", lambda c: f"{c.start_seconds:.1f}"),
        row("broker, idle, each API process and worker: commands/s", lambda c: f"{c.pair_commands:.0f}"),
        row("the same, ms of a core each second", lambda c: f"{c.pair_cpu * 1e3:.2f}"),
        row("each API process, for each worker, µs of a core each second", lambda c: f"{c.look_cpu * 1e6:.1f}"),
    ]
    return table(["one photo", *costs], rows)


def _both_api(costs: Costs) -> str:
    return f"{costs.api_cpu * 1e3:.0f} / {costs.download_cpu * 1e3:.0f}"


def _both_seconds(costs: Costs) -> str:
    return f"{costs.seconds * 1e3:.0f} / {costs.in_process_seconds * 1e3:.0f}"


def plan_table(costs: Costs) -> str:
    def row(rate: int, each: Plan) -> list[str]:
        counts = (rate, each.workers, each.apis, each.brokers)
        rates = (each.commands, each.puts, each.gets, each.megabytes)
        cards = [f"{count:,}" for count in each.gpus.values()]
        return [*(f"{count:,}" for count in counts), f"{each.broker_cores:.2f}", *(f"{x:,.0f}" for x in rates), *cards]

    head = ["photos/s", "workers of 2 cores", "API processes", "brokers", "their cores in use", "commands/s"]
    head += ["store puts/s", "gets/s", "MB/s, in and out", "H100: ColorizeNet `reference`", "`fast`"]
    return table(head, [row(rate, plan(rate, costs)) for rate in RATES])


def million_table(costs: dict[str, Costs]) -> str:
    """What a million photos take."""
    million, reference = 1_000_000 / 3600, TFLOPS["reference"] / H100
    rows = [
        ["worker, core-hours", *(f"{c.worker_cpu * million:,.0f}" for c in costs.values())],
        ["API, core-hours", *(f"{(c.api_cpu + c.download_cpu) * million:,.1f}" for c in costs.values())],
        ["store, million requests", *(f"{c.store_puts + c.store_gets:.1f}" for c in costs.values())],
        ["stored, GB, until RETENTION_DAYS are over", *(f"{c.bytes_out / 1e3:,.0f}" for c in costs.values())],
        ["to clients, GB", *(f"{c.bytes_out / 1e3:,.0f}" for c in costs.values())],
        [
            "instead, ColorizeNet `reference`, H100-hours at its ceiling",
            *(f"{reference * million:,.0f}" for _ in costs),
        ],
    ]
    return table(["a million photos", *costs], rows)


def scaling_of(least: int, most: int, start: float) -> Scaling:
    """As deploy/kubernetes/worker.yaml has it, but with these bounds."""
    (keda,) = [each for each in documents("kubernetes/worker.yaml") if each["kind"] == "ScaledObject"]
    (trigger,) = keda["spec"]["triggers"]
    return Scaling(least, most, int(trigger["metadata"]["listLength"]), start)


def burst_table(costs: dict[str, Costs], base: float) -> str:
    """A burst of five times the usual photos, for fleets that answer it in different ways."""
    times = [seconds for each in costs.values() for seconds in _scaled(each)]
    mean = sum(times) / len(times)
    usual, most = (math.ceil(least_servers(rate, mean, 0.5) / SLOTS) for rate in (base, 5 * base))
    start = next(iter(costs.values())).start_seconds
    queued = 1000
    cases: list[tuple[str, int, Scaling | None, int]] = [
        ("as many workers as usual", usual, None, queued),
        ("KEDA, nodes with room", usual, scaling_of(usual, 3 * most, POD + start), queued),
        ("KEDA, nodes to be rented", usual, scaling_of(usual, 3 * most, NODE + start), queued),
        ("the same, MAX_QUEUED=60 s of the burst", usual, scaling_of(usual, 3 * most, NODE + start), int(300 * base)),
        (
            "KEDA, nodes with room, from twice as many on",
            2 * usual,
            scaling_of(2 * usual, 3 * most, POD + start),
            queued,
        ),
        ("workers for the burst all the time", most, None, queued),
    ]
    rows = []
    for name, workers, scaling, waiting in cases:
        simulation = Simulation(
            lambda now: base * (5 if CALM <= now < CALM + BURST else 1),
            lambda source: source.choice(times),
            workers,
            SLOTS,
            Limits(waiting, 60),
            scaling,
        )
        rows.append(_burst_row(name, simulation.run(CALM + BURST + AFTER), workers))
    head = ["fleet", "before: p95 s", "in the burst: p50 s", "p95 s", "after it: p95 s", "`503`, %", "most waiting"]
    return table([*head, "workers: most", "mean"], rows)


def _scaled(costs: Costs) -> list[float]:
    """Seconds of work as the runs differ, with what a worker of a fleet takes above them."""
    return [each * costs.worker_cpu / (sum(costs.work) / len(costs.work)) for each in costs.work]


def _burst_row(name: str, outcome: Outcome, workers: int) -> list[str]:
    arrived, seconds = np.array(outcome.arrived), np.array(outcome.seconds)
    parts = [(arrived >= a) & (arrived < b) for a, b in ((60, CALM), (CALM, CALM + BURST), (CALM + BURST, math.inf))]
    before, within, after = (seconds[part] for part in parts)
    counts = [count for _, count in outcome.workers] or [workers]
    figures = [np.percentile(before, 95), *np.percentile(within, [50, 95]), np.percentile(after, 95)]
    return [
        name,
        *(f"{each:.2f}" for each in figures),
        f"{outcome.lost * 100:.1f}",
        f"{outcome.longest:,}",
        f"{max(counts)}",
        f"{sum(counts) / len(counts):.1f}",
    ]


def check_table() -> str:
    """The simulation beside Erlang's formula."""
    rows = []
    for servers, busy in ((1, 0.7), (4, 0.8), (32, 0.9)):
        rate = servers * busy / 0.1
        simulation = Simulation(lambda now, rate=rate: rate, _exponential, servers)  # type: ignore[misc]
        outcome = simulation.run(200_000 / rate)
        waits = sum(outcome.seconds) / len(outcome.seconds) - 0.1
        rows.append([servers, busy, f"{mean_wait(servers, rate, 0.1) * 1e3:.1f}", f"{waits * 1e3:.1f}"])
    return table(["servers", "busy", "mean wait by the formula, ms", "simulated, ms"], rows)


def _exponential(source: random.Random) -> float:
    return source.expovariate(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100, help="of each size, for what is measured")
    parser.add_argument("--costs", type=Path, help="a file with what an earlier run measured; made if it is not there")
    parser.add_argument("--rate", type=float, default=40, help="photos a second before the burst")
    arguments = parser.parse_args()
    costs = measured(arguments.photos, arguments.costs)
    print("Measured:\n")
    print(costs_table(costs))
    for name, each in costs.items():
        print(f"Computed, {name}:\n")
        print(plan_table(each))
        print(table(["full at", "photos/s"], [[part, f"{rate:,.0f}"] for part, rate in ceilings(each)]))
    print("Computed:\n")
    print(million_table(costs))
    print(f"Simulated, {arguments.rate:g} photos a second, five times as many for {BURST} s, half of each size:\n")
    print(burst_table(costs, arguments.rate))
    print("Simulated, beside Erlang's formula:\n")
    print(check_table())


if __name__ == "__main__":
    main()
