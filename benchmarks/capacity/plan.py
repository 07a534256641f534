"""What a fleet for so many photos a second consists of, from what each photo costs."""

import math
from dataclasses import dataclass

from benchmarks.capacity.measure import Costs
from benchmarks.capacity.queues import least_servers

#: Shares of a core up to which API processes and brokers are loaded, so that bursts and outages find room.
BUSY_API, BUSY_BROKER = 0.6, 0.5
#: Seconds within which 95 of 100 photos have their turn.
WAIT = 0.5
#: Photos that a worker with two cores has in work.
SLOTS = 2
#: ``MAX_HELD_BYTES``, and the requests a second of each kind that Amazon promises for one prefix of a bucket.
HELD, PUTS, GETS = 256 * 2**20, 3500, 5500
#: TFLOP of a ColorizeNet picture (docs/performance.md) at the dense 16-bit arithmetic of an H100, TFLOP/s.
TFLOPS = {"reference": 46, "fast": 24}
H100 = 790


@dataclass(frozen=True)
class Plan:
    """Parts of a fleet, and what they do each second.

    Attributes:
        workers: with two cores each.
        apis: processes with a core each.
        broker_cores: of the broker's one thread; more than :data:`BUSY_BROKER` takes several brokers.
        commands: of the broker.
        puts, gets: of the store; deleting counts as putting.
        megabytes: in and out of the store.
        gpus: by preset, at the arithmetic's ceiling.
    """

    workers: int
    apis: int
    broker_cores: float
    commands: float
    puts: float
    gets: float
    megabytes: float
    gpus: dict[str, int]

    @property
    def brokers(self) -> int:
        """How many brokers share the line."""
        return max(1, math.ceil(self.broker_cores / BUSY_BROKER))


def plan(rate: float, costs: Costs) -> Plan:
    """The parts for so many photos a second, each of them fetched once by its client."""
    workers = math.ceil(least_servers(rate, costs.worker_cpu, WAIT) / SLOTS)
    cpu = rate * (costs.api_cpu + costs.download_cpu) / BUSY_API
    held = rate * (WAIT + costs.seconds) * costs.bytes_in / HELD
    apis = max(1, math.ceil(max(cpu, held)))
    idle = max(apis, workers) * costs.pair_cpu + apis * workers * costs.look_cpu
    commands = rate * costs.broker_commands + max(apis, workers) * costs.pair_commands + apis * workers
    return Plan(
        workers=workers,
        apis=apis,
        broker_cores=rate * costs.broker_cpu + idle,
        commands=commands,
        puts=rate * costs.store_puts,
        gets=rate * costs.store_gets,
        # To the inbox, from there, the result, and the result once more to its client.
        megabytes=rate * 2 * (costs.bytes_in + costs.bytes_out) / 1e6,
        gpus={name: gpus(rate, tflop) for name, tflop in TFLOPS.items()},
    )


def gpus(rate: float, tflop: float) -> int:
    """H100s for so many pictures a second if each reached its arithmetic; four fifths of it are planned with."""
    return max(1, math.ceil(rate * tflop / H100 / 0.8))


def ceilings(costs: Costs) -> list[tuple[str, float]]:
    """The photos a second at which one of each part is full, the lowest first."""
    found = {
        "one worker of two cores": SLOTS / costs.worker_cpu,
        "one API process, its core": 1 / (costs.api_cpu + costs.download_cpu),
        "one API process, MAX_HELD_BYTES": HELD / costs.bytes_in / (WAIT + costs.seconds),
        "10 Gbit/s in each direction at the store": 10e9 / 8 / (costs.bytes_in + costs.bytes_out),
        "3,500 puts a second into one prefix of an Amazon bucket": PUTS / costs.store_puts,
        "5,500 gets a second from one": GETS / costs.store_gets,
        "one broker": _broker_full(costs),
    }
    return sorted(found.items(), key=lambda item: item[1])


def _broker_full(costs: Costs) -> float:
    low, high = 0.1, 1e6
    for _ in range(50):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if plan(middle, costs).broker_cores < 1 else (low, middle)
    return low
