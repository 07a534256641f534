"""Figures for Prometheus: what is asked of the service, how long it takes, and what it holds."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from colorize_service.server import figures_folder

#: Buckets of times, from a small picture on the embedded model to a large model on a CPU.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

# A client may send any word as its method; each would be a time series of its own.
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


class Metrics:
    """The figures of one application.

    Where the environment names a folder in ``PROMETHEUS_MULTIPROC_DIR``, as gunicorn.conf.py sees to, all worker
    processes write into it and each answers for all; else a process answers for itself.

    Attributes:
        registry: has them, where a process answers for itself.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "colorize_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "colorize_request_seconds",
            "Time from a request's headers to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "colorize_queue_seconds",
            "Time that photos waited for their turn; those that never got one are not in it.",
            buckets=SECONDS,
            registry=registry,
        )
        self.engine_seconds = Histogram(
            "colorize_engine_seconds",
            "Time that photos were in the model, with the wait for a device that others use.",
            buckets=SECONDS,
            registry=registry,
        )
        self.received = Counter("colorize_received_bytes", "Bytes of request bodies, as declared.", registry=registry)
        self.sent = Counter("colorize_sent_bytes", "Bytes of answers' bodies.", registry=registry)
        self.waiting = Gauge(
            "colorize_photos_waiting",
            "Photos waiting for their turn.",
            ["queue"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.in_work = Gauge(
            "colorize_photos_in_work", "Photos in work.", ["queue"], registry=registry, multiprocess_mode="livesum"
        )
        self.model_loaded = Gauge(
            "colorize_model_loaded",
            "1 if each worker has its model, else 0.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.memory = Gauge(
            "colorize_memory_bytes",
            "Resident memory of each worker after its last request.",
            registry=registry,
            multiprocess_mode="liveall",
        )

    def init_app(self, app: Flask) -> None:
        """Count each request of the application."""
        app.before_request(self._begin)
        app.after_request(self._end)

    def watch(self, queue: str) -> Callable[[int, int], None]:
        """A function that takes how many photos of this queue are in work and how many wait, whenever that changes."""
        waiting, in_work = self.waiting.labels(queue), self.in_work.labels(queue)

        def changed(busy: int, line: int) -> None:
            in_work.set(busy)
            waiting.set(line)

        return changed

    def model_is_loaded(self) -> None:
        """The model of this process is loaded."""
        self.model_loaded.set(1)
        self._measure_memory()

    def text(self) -> tuple[bytes, str]:
        """All figures in Prometheus' text format, and its content type."""
        registry = self.registry
        figures_folder.make_again()
        if os.path.isdir(os.environ.get(figures_folder.VARIABLE, "")):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def _begin(self) -> None:
        g.metrics_started = time.perf_counter()

    def _end(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        self.requests.labels(method, route, response.status_code).inc()
        self.request_seconds.labels(route).observe(time.perf_counter() - g.metrics_started)
        self.received.inc(request.content_length or 0)
        self.sent.inc(response.content_length or 0)
        self._measure_memory()
        return response

    def _measure_memory(self) -> None:
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except OSError:  # no Linux
            return
        self.memory.set(pages * os.sysconf("SC_PAGE_SIZE"))
