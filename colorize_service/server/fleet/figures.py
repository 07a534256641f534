"""Figures for Prometheus that only a fleet has, beside those of :class:`~colorize_service.server.metrics.Metrics`."""

import contextlib
import logging
import time
from collections import Counter as Count
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from colorize_service.server.engines.protocol import Description
from colorize_service.server.metrics import SECONDS

log = logging.getLogger(__name__)


class StoreFigures:
    """What both kinds of processes count: how long the store takes."""

    def __init__(self, registry: CollectorRegistry):
        self._store_seconds = Histogram(
            "colorize_store_seconds",
            "Time of the store for photos in the inbox, and for results.",
            ["operation"],
            buckets=SECONDS,
            registry=registry,
        )

    @contextlib.contextmanager
    def store(self, operation: str) -> Iterator[None]:
        """Within the ``with`` block the store does this: ``get``, ``put`` or ``delete``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._store_seconds.labels(operation).observe(time.perf_counter() - started)


class LineFigures(StoreFigures):
    """Those of API processes."""

    def __init__(self, registry: CollectorRegistry):
        super().__init__(registry)
        self._waiting = Gauge(
            "colorize_fleet_waiting",
            "Photos of the whole fleet that wait for a worker.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._workers = Gauge(
            "colorize_fleet_workers",
            "Workers of the whole fleet that are ready, by the version of their model.",
            ["version"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.sent_again = Counter(
            "colorize_fleet_sent_again",
            "Photos put into the line once more: their worker was dead, or the broker had forgotten or lost them.",
            ["reason"],
            registry=registry,
        )
        self._versions: set[str] = set()

    def seen(self, waiting: int, workers: Iterable[Description]) -> None:
        """What the fleet is now."""
        self._waiting.set(waiting)
        count = Count(model.version for model in workers)
        self._versions |= set(count)
        for version in self._versions:
            self._workers.labels(version).set(count[version])


class WorkerFigures(StoreFigures):
    """Those of a worker."""

    def __init__(self, registry: CollectorRegistry, version: str):
        """
        Args:
            version: of its model.
        """
        super().__init__(registry)
        self._version = version
        self._photos = Counter(
            "colorize_worker_photos",
            "Photos that a worker took from the line, by what became of them.",
            ["outcome", "version"],
            registry=registry,
        )
        self._attempts = Histogram(
            "colorize_worker_attempts",
            "How often a photo had been begun when a worker began it, this time included.",
            ["version"],
            buckets=(1, 2, 3, 5, 10),
            registry=registry,
        )
        self._seconds = Histogram(
            "colorize_worker_seconds",
            "Time that a photo was with a worker, from the message to the reply.",
            ["version"],
            buckets=SECONDS,
            registry=registry,
        )

    def begun(self, attempts: int) -> None:
        """A photo is begun; ``attempts`` times by now."""
        self._attempts.labels(self._version).observe(attempts)

    def ended(self, outcome: str, seconds: float | None = None) -> None:
        """A photo is at its end, after so many seconds in work."""
        self._photos.labels(outcome, self._version).inc()
        if seconds is not None:
            self._seconds.labels(self._version).observe(seconds)


def serve(registry: CollectorRegistry, host: str, port: int) -> None:
    """Answer Prometheus at any path of this address, from a thread; a line in the log says so if nobody can listen."""
    if not port:
        return
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        log.warning(
            "The figures cannot be read: nobody can listen on %s:%d (%s). Set METRICS_PORT to a free port, or to 0 for "
            "none.",
            host,
            port,
            error.strerror or error,
        )
