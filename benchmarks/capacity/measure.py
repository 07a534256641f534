"""What one photo costs each part of a fleet, on this machine: real processes, Redis, SeaweedFS and Gunicorn."""

import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from benchmarks.load import Client, cpu_seconds, form, photo, under_load
from colorize_service import EMBEDDED_BUNDLE
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Setup, load_folder
from colorize_service.server.settings import Settings
from tests.support.containers import SeaweedFS, Valkey
from tests.support.deployment import documents, interpolated
from tests.support.fleet import Worker
from tests.support.service import ROOT, Service

SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000)}
_SECRETS = {"BROKER_PASSWORD": "b" * 48, "AWS_ACCESS_KEY_ID": "k" * 24, "AWS_SECRET_ACCESS_KEY": "s" * 48}
_PUTS = ("PUT", "DELETE")
_FAKES = 400


@dataclass(frozen=True)
class Costs:
    """Of one photo of a size; seconds are of one core unless they say otherwise.

    Attributes:
        bytes_in, bytes_out: of the photo and of its result.
        work: the photo's path alone, in one process and on one core, of each run.
        worker_cpu, api_cpu, broker_cpu, store_cpu: in the fleet, of each part, with 8 clients.
        download_cpu: of the API, when a client fetches the result.
        broker_commands: those within scripts, too.
        store_puts, store_gets: requests to the store, with those of the client's fetching; deleting is among the puts.
        seconds: from the request to its answer, one client, median.
        in_process_seconds: the same from a service without a fleet, with its folder.
        start_seconds: from a worker's start until it takes photos.
        pair_cpu, pair_commands: of the broker each second, for an API process and a worker with nothing to do.
        look_cpu: of the broker each second, for each worker that an API process hears of.
    """

    bytes_in: int
    bytes_out: int
    work: list[float]
    worker_cpu: float
    api_cpu: float
    broker_cpu: float
    store_cpu: float
    download_cpu: float
    broker_commands: float
    store_puts: float
    store_gets: float
    seconds: float
    in_process_seconds: float
    start_seconds: float
    pair_cpu: float
    pair_commands: float
    look_cpu: float


def measured(photos: int, keep: Path | None = None) -> dict[str, Costs]:
    """The costs of each of :data:`SIZES`.

    Args:
        photos: of each size.
        keep: a file that has them from an earlier run, or takes them.
    """
    if keep and keep.exists():
        return {name: Costs(**values) for name, values in json.loads(keep.read_text()).items()}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        fleet = _Fleet(Path(folder), stack)
        idle = fleet.idle(6)
        costs = {name: fleet.costs(photo(*size), photos, idle) for name, size in SIZES.items()}
    if keep:
        keep.write_text(json.dumps({name: asdict(each) for name, each in costs.items()}))
    return costs


def work_of(jpeg: bytes, runs: int) -> list[float]:
    """Seconds of a core that each run of the photo's path takes, in this process."""
    quality = Settings.model_fields["jpeg_quality"].default
    colorizer = Colorizer(load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1)), max_pixels=10**9, quality=quality)
    times = []
    for _ in range(runs + 1):
        before = time.process_time()
        colorizer.colorize(colorizer.open(jpeg))
        times.append(time.process_time() - before)
    return times[1:]


class _Fleet:
    """One API process and one worker, with broker and store of deploy/compose.yaml."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack):
        (compose,) = documents("compose.yaml")
        parts = interpolated(compose, _SECRETS | {"APP_CHECK": "off"})["services"]
        places = {name: folder / name for name in ("broker", "store", "api", "worker", "alone")}
        for place in places.values():
            place.mkdir()
        self._broker = stack.enter_context(Valkey(parts["valkey"], places["broker"]))
        self._store = stack.enter_context(SeaweedFS(parts["storage"], places["store"]))
        ours = {"BROKER_URL": self._broker.url, "AWS_ENDPOINT": self._store.url, "METRICS_HOST": "127.0.0.1"}
        environment = parts["worker1"]["environment"] | ours
        made = environment | {"PATH": "/usr/bin:/bin"}
        subprocess.run([sys.executable, *parts["bucket"]["command"][1:]], cwd=ROOT, env=made, check=True, timeout=60)
        self._worker = Worker(places["worker"], **environment)
        began = time.perf_counter()
        self._worker.start()
        self._start_seconds = time.perf_counter() - began
        stack.callback(self._worker.kill)
        self._api = stack.enter_context(Service(places["api"], **parts["api1"]["environment"] | ours))
        self._alone = stack.enter_context(Service(places["alone"]))

    def idle(self, seconds: float) -> tuple[float, float, float]:
        """``pair_cpu``, ``pair_commands`` and ``look_cpu`` of :class:`Costs`."""
        before = self._broker_work()
        time.sleep(seconds)
        alone = [(now - then) / seconds for now, then in zip(self._broker_work(), before, strict=True)]
        with self._broker.client() as client, self._many_workers(client):
            before = self._broker_work()
            time.sleep(seconds)
            cpu = (self._broker_work()[0] - before[0]) / seconds
        return alone[0], alone[1], max(0.0, cpu - alone[0]) / _FAKES

    @contextlib.contextmanager
    def _many_workers(self, client: object) -> Iterator[None]:
        """More workers than there are, as the board knows them."""
        names = client.zrange("colorize:workers", 0, -1)  # type: ignore[attr-defined]
        description = client.get(f"colorize:worker:{names[0]}")  # type: ignore[attr-defined]
        fakes = [f"fake-{number}" for number in range(_FAKES)]
        for name in fakes:
            client.zadd("colorize:workers", {name: time.time() + 3600})  # type: ignore[attr-defined]
            client.set(f"colorize:worker:{name}", description, ex=3600)  # type: ignore[attr-defined]
        yield
        client.zrem("colorize:workers", *fakes)  # type: ignore[attr-defined]

    def costs(self, jpeg: bytes, photos: int, idle: tuple[float, float, float]) -> Costs:
        """Of photos like this one."""
        body, api, alone = form(jpeg), Client(self._api.port), Client(self._alone.port)
        links = [self._link(api, body) for _ in range(3)]
        times = [(api.colorize(body), alone.colorize(body)) for _ in range(min(20, photos))]
        began, before = time.perf_counter(), self._all()
        under_load(self._api.port, self._api.pid, [body], 0, photos)
        seconds, after = time.perf_counter() - began, self._all()
        worker, service, broker, commands, store, puts, gets = (
            (now - then) / photos for now, then in zip(after, before, strict=True)
        )
        result, fetching = b"", Client(self._api.port)
        for number in range(photos):
            result = fetching.answer("GET", links[number % len(links)])
        fetched = [(now - then) / photos for now, then in zip(self._all(), after, strict=True)]
        return Costs(
            bytes_in=len(jpeg),
            bytes_out=len(result),
            work=work_of(jpeg, min(20, photos)),
            worker_cpu=worker,
            api_cpu=service,
            broker_cpu=max(0.0, broker - idle[0] * seconds / photos),
            store_cpu=store + fetched[4],
            download_cpu=fetched[1],
            broker_commands=commands - idle[1] * seconds / photos,
            store_puts=puts + fetched[5],
            store_gets=gets + fetched[6],
            seconds=statistics.median(fleet for fleet, _ in times),
            in_process_seconds=statistics.median(each for _, each in times),
            start_seconds=self._start_seconds,
            pair_cpu=idle[0],
            pair_commands=idle[1],
            look_cpu=idle[2],
        )

    def _link(self, client: Client, body: bytes) -> str:
        answer = json.loads(client.answer("POST", "/colorize", body))
        return str(answer["download_url"]).partition(f":{self._api.port}")[2]

    def _all(self) -> list[float]:
        processes = (self._worker.process, None, None, None, self._store.process)
        cpu = [cpu_seconds(each.pid) if each else 0.0 for each in processes]
        broker, commands = self._broker_work()
        return [cpu[0], cpu_seconds(self._api.pid), broker, commands, cpu[4], *self._store_requests()]

    def _broker_work(self) -> tuple[float, float]:
        """Seconds of a core until now, and commands, those of scripts among them."""
        with self._broker.client() as client:
            cpu, stats = client.info("cpu"), client.info("commandstats")
        ours = ("info", "auth", "client", "hello", "ping")
        commands = sum(
            each["calls"] for name, each in stats.items() if name.removeprefix("cmdstat_").split("|")[0] not in ours
        )
        return cpu["used_cpu_user"] + cpu["used_cpu_sys"], commands

    def _store_requests(self) -> tuple[float, float]:
        text = requests.get(self._store.figures, timeout=10).text
        counts = {True: 0.0, False: 0.0}
        for labels, value in re.findall(r"^SeaweedFS_s3_request_total\{(.*)\} (\S+)$", text, re.M):
            kind = re.findall(r'type="(\w+)"', labels)[0].upper()
            counts[kind.startswith(_PUTS)] += float(value)
        return counts[True], counts[False]
