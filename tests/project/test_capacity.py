"""benchmarks/capacity: a plan that an operator can trust. The queue that is simulated is the one of the textbook."""

from dataclasses import asdict
from itertools import pairwise

import pytest

from benchmarks.capacity.measure import Costs
from benchmarks.capacity.plan import ceilings, plan
from benchmarks.capacity.queues import Limits, Scaling, Simulation, erlang_c, least_servers, mean_wait

COSTS = Costs(
    bytes_in=3_000_000, bytes_out=3_000_000, work=[0.1], worker_cpu=0.1, api_cpu=0.01, broker_cpu=0.001, store_cpu=0.01,
    download_cpu=0.005, broker_commands=50, store_puts=4, store_gets=6, seconds=0.2, in_process_seconds=0.15,
    start_seconds=4, pair_cpu=0.002, pair_commands=20, look_cpu=2e-6,
)  # fmt: skip


def work_of(seconds: float):
    return lambda source: source.expovariate(1 / seconds)


def test_erlangs_formula_is_that_of_the_textbook():
    assert erlang_c(1, 0.7) == pytest.approx(0.7)  # one server: as often as it is busy
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(10, 8.0) == pytest.approx(0.409, abs=0.001)
    assert mean_wait(1, 7, 0.1) == pytest.approx(0.7 * 0.1 / 0.3)


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.6), (4, 0.8), (16, 0.85)])
def test_the_simulated_line_waits_as_long_as_the_formula_says(servers, busy):
    rate = servers * busy / 0.1
    outcome = Simulation(lambda _: rate, work_of(0.1), servers).run(60_000 / rate)
    simulated = sum(outcome.seconds) / len(outcome.seconds) - 0.1
    assert simulated == pytest.approx(mean_wait(servers, rate, 0.1), rel=0.15)
    assert outcome.lost == 0


def test_workers_with_two_slots_are_as_twice_as_many_with_one():
    one, two = (
        Simulation(lambda _: 60, work_of(0.1), workers, slots, seed=1).run(300) for workers, slots in ((8, 1), (4, 2))
    )
    assert sum(one.seconds) / len(one.seconds) == pytest.approx(sum(two.seconds) / len(two.seconds), rel=0.02)


def test_the_fewest_servers_suffice_and_one_fewer_would_not():
    for rate in (3, 30):
        servers = least_servers(rate, 0.1, wait=0.02, most_busy=1)
        outcomes = [
            Simulation(lambda _, rate=rate: rate, work_of(0.1), count).run(8_000 / rate)
            for count in (servers, servers - 1)
        ]
        shares = [sum(each > 0.3 for each in outcome.seconds) / len(outcome.seconds) for outcome in outcomes]
        assert shares[0] < shares[1]
        load = rate * 0.1
        assert servers > load
    assert least_servers(100, 0.1, wait=10, most_busy=0.8) == 13


def burst(scaling: Scaling | None, limits: Limits, arrivals: list[float]):
    """A burst, and then quiet until all have ended."""

    def rate(now: float) -> float:
        arrivals.append(now)
        return (10 if now < 60 else 100) if now < 180 else 1e-9

    return Simulation(rate, lambda source: source.choice([0.1, 0.2]), 2, 1, limits, scaling, seed=2).run(2000)


@pytest.mark.parametrize("scaling", [None, Scaling(least=2, most=40, waiting=4, start=10)])
def test_every_photo_ends_once_also_when_workers_go(scaling):
    arrivals: list[float] = []
    outcome = burst(scaling, Limits(200, 20), arrivals)
    ended = len(outcome.seconds) + outcome.refused + outcome.late
    assert ended == len(arrivals) - 1  # the last one never comes
    assert outcome.longest == 200 and outcome.refused > 0
    assert max(outcome.seconds) <= 20 + 0.2


def test_the_autoscaler_helps_and_keeps_to_its_rules():
    scaling = Scaling(least=2, most=40, waiting=4, start=10)
    alone, scaled = (burst(each, Limits(200, 20), []) for each in (None, scaling))
    assert scaled.lost < alone.lost / 2
    counts = [count for _, count in scaled.workers]
    assert counts[0] == counts[-1] == 2 and 15 <= max(counts) <= 40
    assert all(after <= max(2 * before, before + 4) for before, after in pairwise(counts))
    assert all(after >= int(before * 0.75) for before, after in pairwise(counts))
    # The burst begins at 60; workers that are asked for at the next look take photos 10 s later.
    assert all(count == 2 for at, count in scaled.workers if at < 60 + 10)


def test_the_same_seed_gives_the_same_burst():
    one, two = (burst(Scaling(2, 40, 4, 10), Limits(200, 20), []) for _ in range(2))
    assert asdict(one) == asdict(two)


def test_more_photos_never_need_less():
    plans = [plan(rate, COSTS) for rate in (1, 10, 100, 1000, 10_000)]
    for name in ("workers", "apis", "brokers", "commands", "puts", "gets", "megabytes"):
        figures = [getattr(each, name) for each in plans]
        assert figures == sorted(figures) and figures[-1] > figures[0], name
    assert plans[-1].workers >= 10_000 * COSTS.worker_cpu / 2
    assert plans[-1].gpus["reference"] > plans[-1].gpus["fast"] >= 10_000 * 24 / 790


def test_a_part_is_full_where_the_plan_needs_a_second_one():
    full = dict(ceilings(COSTS))
    assert full["one worker of two cores"] == pytest.approx(20)
    broker = full["one broker"]
    assert plan(broker * 0.9, COSTS).broker_cores < 1 < plan(broker * 1.1, COSTS).broker_cores
    assert list(full.values()) == sorted(full.values())
