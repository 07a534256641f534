"""A line of photos and the workers that take from it: by Erlang's formula where it holds, else simulated.

The simulation has what the formula leaves out: photos that differ, bursts, a bounded line, clients who do not wait for
ever, and workers that come and go as Kubernetes lets them.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

Process = Generator[simpy.Event, Any, None]


def erlang_c(servers: int, load: float) -> float:
    """The share of arrivals that wait in an M/M/c queue (Erlang, 1917).

    Args:
        load: arrivals a second times seconds of work each, below ``servers``.
    """
    blocked = 1.0
    for count in range(1, servers + 1):  # Erlang B, by its recursion
        blocked = load * blocked / (count + load * blocked)
    return servers * blocked / (servers - load * (1 - blocked))


def mean_wait(servers: int, rate: float, seconds: float) -> float:
    """Mean seconds of waiting in an M/M/c queue with so many arrivals a second, of so many seconds of work each."""
    return erlang_c(servers, rate * seconds) * seconds / (servers - rate * seconds)


def least_servers(rate: float, seconds: float, wait: float, share: float = 0.95, most_busy: float = 0.8) -> int:
    """The fewest servers of which this share of arrivals gets one within ``wait`` seconds, and that are not busier."""
    load = rate * seconds
    servers = max(1, math.ceil(load / most_busy), math.floor(load) + 1)
    while erlang_c(servers, load) * math.exp(-(servers - load) * wait / seconds) > 1 - share:
        servers += 1
    return servers


@dataclass(frozen=True)
class Limits:
    """``MAX_QUEUED`` and ``QUEUE_TIMEOUT``: photos that may wait, and for how many seconds."""

    waiting: float = math.inf
    seconds: float = math.inf


@dataclass(frozen=True)
class Scaling:
    """How the number of workers follows the line: as Kubernetes' autoscaler has it for the average of an outer figure.

    Attributes:
        least, most: workers.
        waiting: photos in the line for each worker, which the autoscaler aims at.
        start: seconds from when a worker is asked for until it takes photos.
        every: seconds between two looks.
        hold: seconds for which the highest wish counts before workers are taken away.
    """

    least: int
    most: int
    waiting: int
    start: float
    every: float = 15
    hold: float = 300


@dataclass
class Outcome:
    """What became of the photos.

    Attributes:
        arrived: when each photo came that was colorized, in seconds.
        seconds: from there to its result.
        refused: photos that found the line full.
        late: photos that had no turn within their patience.
        workers: of each look of the autoscaler, the time and how many workers took photos.
        longest: most photos in the line.
    """

    arrived: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    late: int = 0
    workers: list[tuple[float, int]] = field(default_factory=list)
    longest: int = 0

    @property
    def lost(self) -> float:
        """The share of all photos that got a `503`."""
        failed = self.refused + self.late
        return failed / max(1, failed + len(self.seconds))


class Simulation:
    """A line, and workers with some slots each. :meth:`run` it once."""

    def __init__(
        self,
        rate: Callable[[float], float],
        work: Callable[[random.Random], float],
        workers: int,
        slots: int = 1,
        limits: Limits = Limits(),
        scaling: Scaling | None = None,
        seed: int = 0,
    ):
        """
        Args:
            rate: photos a second at a time in seconds; at most changed by steps that are long beside the gaps.
            work: draws the seconds that a photo takes in a slot.
            workers: at the start.
            slots: photos that each has in work.
        """
        self._rate, self._work, self._slots = rate, work, slots
        self._limits, self._scaling = limits, scaling
        self._random, self._env = random.Random(seed), simpy.Environment()
        self._line: deque[float] = deque()
        self._idle: deque[simpy.Event] = deque()
        self._outcome = Outcome()
        self._wishes: deque[tuple[float, int]] = deque()
        self._removed: deque[tuple[float, int]] = deque(maxlen=100)
        self._wanted = self._there = 0  # workers that were asked for, and those that take photos
        self._leaving = 0  # slots that have to end
        self._add(workers, 0)

    def run(self, seconds: float) -> Outcome:
        """Let photos come for so long, and no longer."""
        self._env.process(self._arrivals())
        if self._scaling:
            self._env.process(self._scale(self._scaling))
        self._env.run(until=seconds)
        return self._outcome

    def _arrivals(self) -> Process:
        while True:
            yield self._env.timeout(self._random.expovariate(self._rate(self._env.now)))
            self._drop_late()
            if self._idle:
                self._line.append(self._env.now)
                self._idle.popleft().succeed()
            elif len(self._line) >= self._limits.waiting:
                self._outcome.refused += 1
            else:
                self._line.append(self._env.now)
                self._outcome.longest = max(self._outcome.longest, len(self._line))

    def _drop_late(self) -> None:
        while self._line and self._env.now - self._line[0] > self._limits.seconds:
            self._line.popleft()
            self._outcome.late += 1

    def _slot(self) -> Process:
        while not self._leaves():
            self._drop_late()
            if not self._line:
                idle = self._env.event()
                self._idle.append(idle)
                yield idle
                continue
            arrived = self._line.popleft()
            yield self._env.timeout(self._work(self._random))
            self._outcome.arrived.append(arrived)
            self._outcome.seconds.append(self._env.now - arrived)

    def _leaves(self) -> bool:
        if not self._leaving:
            return False
        self._leaving -= 1
        if self._line and self._idle:  # whoever was woken for a photo hands it on
            self._idle.popleft().succeed()
        return True

    def _add(self, workers: int, start: float) -> None:
        self._wanted += workers
        for _ in range(workers):
            self._env.process(self._start(start))

    def _start(self, seconds: float) -> Process:
        yield self._env.timeout(seconds)
        self._there += 1
        for _ in range(self._slots):
            self._env.process(self._slot())

    def _remove(self, workers: int) -> None:
        self._wanted -= workers
        self._there -= workers
        self._removed.append((self._env.now, workers))
        for _ in range(workers * self._slots):
            self._leaving += 1
            if self._idle:
                self._idle.popleft().succeed()

    def _scale(self, scaling: Scaling) -> Process:
        while True:
            yield self._env.timeout(scaling.every)
            now, count = self._env.now, self._wanted
            self._outcome.workers.append((now, self._there))
            wish = math.ceil(len(self._line) / scaling.waiting)
            if abs(wish / count - 1) <= 0.1:  # the autoscaler's tolerance
                wish = count
            wish = min(scaling.most, max(scaling.least, wish))
            self._wishes.append((now, wish))
            while self._wishes[0][0] < now - scaling.hold:
                self._wishes.popleft()
            if wish > count:
                self._add(min(wish, max(2 * count, count + 4)) - count, scaling.start)
            else:
                # No fewer than the highest wish of some time, nor than three quarters of a minute ago; those that still
                # start are not taken away.
                held = max(each for _, each in self._wishes)
                lately = sum(each for at, each in self._removed if at > now - 60)
                fewest = math.floor((count + lately) * 0.75)
                self._remove(min(self._there - 1, max(0, count - max(held, fewest))))
