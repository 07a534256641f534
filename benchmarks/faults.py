"""``python -m benchmarks.faults``: what each failure of a part of a fleet does to clients that want all their photos.

nginx, two API processes, Redis, two workers and an S3 server, as an operator starts them. Clients send one small photo
after another, each until it has its result, and half a second after a refusal once more; meanwhile a part is killed,
stopped, held up or restarted. The model sleeps, as one does that waits for a GPU: what is measured is the fleet.

In the end each link must give the picture of its own photo, the store must have no other results but those of requests
that were answered otherwise, and nothing may be left in the inbox or in the line. The exit status is 1 if it is not so.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image

from benchmarks import sleeping
from benchmarks.persistent import Clients
from colorize_service.process import available_cpus
from tests.support import clocks
from tests.support.brokers import RedisServer
from tests.support.buckets import JuiceFS
from tests.support.fleet import Fleet, Worker, redis_fleet
from tests.support.gateway import Nginx
from tests.support.service import Service, wait_until

CLIENTS = 8
#: Seconds that a part is away, and after which a part that has died is started again.
AWAY, AGAIN = 20.0, 2.0
#: Seconds within which workers empty the inbox of what was left there.
SWEPT = 90.0
#: Photos that may wait where it is tried to send more.
FEW = 8
_NO_LIMITS = {"rate=50r/s": "rate=10000r/s", "burst=500": "burst=10000"}


@dataclass
class Scene:
    """The parts of a fleet, to be broken."""

    nginx: Nginx
    broker: RedisServer
    store: JuiceFS
    fleet: Fleet
    clients: Clients

    def kill(self, part: Service | Worker) -> None:
        """End a part at once, and start it again as systemd would."""
        part.kill()
        time.sleep(AGAIN)
        _start(part)


def _start(part: Service | Worker) -> None:
    if isinstance(part, Worker):
        part.start()
    else:
        part.start(wait_for_model=False)


def kill_worker(scene: Scene) -> None:
    scene.kill(scene.fleet.workers[0])


def kill_replica(scene: Scene) -> None:
    scene.kill(scene.fleet.services[0])


def stop_broker(scene: Scene) -> None:
    scene.broker.stop()
    time.sleep(AWAY)
    scene.broker.start()


def stop_store(scene: Scene) -> None:
    scene.store.kill()
    time.sleep(AWAY)
    scene.store.start()


def hang_worker(scene: Scene) -> None:
    pid = scene.fleet.workers[0].pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(AWAY)
    os.kill(pid, signal.SIGCONT)


def deliver_again(scene: Scene) -> None:
    """Put what workers have in work into the line once more, as a broker does that takes them for dead."""
    with scene.broker.client() as redis:
        until = time.monotonic() + AWAY
        while time.monotonic() < until:
            for each in redis.hvals("unacked"):
                redis.rpush("colorize", json.dumps(json.loads(each)[0]))
            time.sleep(0.5)


def send_deadly(scene: Scene) -> None:
    """A photo that kills each worker that begins it."""
    ended = threading.Event()
    restarting = [threading.Thread(target=_restart, args=(each, ended)) for each in scene.fleet.workers]
    for thread in restarting:
        thread.start()
    buffer = io.BytesIO()
    Image.fromarray(np.full((64, 64), sleeping.DEADLY, np.uint8)).save(buffer, "PNG")
    with requests.Session() as session:
        assert scene.clients.send(session, buffer.getvalue()) is None, "the deadly photo has a result"
    time.sleep(AGAIN)
    ended.set()
    for thread in restarting:
        thread.join()


def _restart(worker: Worker, ended: threading.Event) -> None:
    while not ended.wait(AGAIN) or worker.is_dead:
        if worker.is_dead:
            worker.start()


def nothing(scene: Scene) -> None:
    """What is wrong is so from the start."""


def send_more(scene: Scene) -> None:
    """A crowd beside the clients."""
    crowd = [threading.Thread(target=_send_for, args=(scene, number)) for number in range(4 * FEW)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()


def _send_for(scene: Scene, number: int) -> None:
    until = time.monotonic() + AWAY
    with requests.Session() as session:
        while time.monotonic() < until:
            scene.clients.add(session, scene.clients.total + number)


def restart_all(scene: Scene) -> None:
    """Each part in its turn, as for an upgrade."""
    for worker in scene.fleet.workers:
        worker.stop()
        worker.start()
    for service in scene.fleet.services:
        service.stop()
        _start(service)
        wait_until(lambda service=service: service._listens(True), 60)
    scene.nginx.reload()
    scene.broker.stop()
    scene.broker.start()
    scene.store.kill()
    scene.store.start()


@dataclass(frozen=True)
class Fault:
    """A failure.

    Attributes:
        settings: of the fleet.
        apart: seconds between the clocks of the two machines.
    """

    name: str
    cause: Callable[[Scene], None]
    settings: dict[str, object] | None = None
    apart: int = 0


FAULTS = [
    Fault("no failure", nothing),
    Fault("a worker killed", kill_worker),
    Fault("an API process killed", kill_replica),
    Fault("the broker stopped for 20 s", stop_broker),
    Fault("the store stopped for 20 s", stop_store),
    Fault("a worker hung for 20 s", hang_worker),
    Fault("photos in work delivered again, twice a second for 20 s", deliver_again),
    Fault("a photo that kills its workers", send_deadly),
    Fault("clocks 30 s apart", nothing, apart=30),
    Fault("more photos than `MAX_QUEUED` for 20 s", send_more, {"MAX_QUEUED": FEW}),
    Fault("all parts restarted, one after another", restart_all),
]


@contextlib.contextmanager
def scene_of(fault: Fault, photos: int, seconds: float) -> Iterator[Scene]:
    """A fleet for one failure, with all its parts there."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        store = stack.enter_context(JuiceFS(folder / "juicefs"))
        settings: dict[str, Any] = {"MAX_IN_WORK": 2, "TRUSTED_PROXIES": 1, sleeping.SECONDS: seconds}
        settings |= {"APP_CHECK": "off", **(fault.settings or {})}
        odd_machine = clocks.ahead(folder, fault.apart) if fault.apart else {}
        broker, fleet = redis_fleet(
            stack, folder, worker=sleeping.MODULE, bucket=store, odd_machine=odd_machine, **settings
        )
        ports = [service.port for service in fleet.services]
        nginx = stack.enter_context(Nginx(folder, *ports, **_NO_LIMITS))
        yield Scene(nginx, broker, store, fleet, Clients(nginx.url, CLIENTS, photos))


def suffer(fault: Fault, photos: int, seconds: float) -> list[str]:
    """Print a line of the table; what must not be, if anything is."""
    with scene_of(fault, photos, seconds) as scene:
        clients = scene.clients
        clients.start()
        clients.wait_for(0.2)
        began = time.monotonic()
        fault.cause(scene)
        over = time.monotonic()
        clients.join()
        counts = Counter(each.status for each in clients.answers)
        problems, stored = _problems(scene)
        row = [len(clients.results), counts[503], counts[500], stored - len(clients.results), _begun_again(scene)]
        pause, slowest = clients.longest_pause(began), clients.slowest()
        times = f"{pause:.1f} | {slowest:.1f} | {clients.recovered(over):.1f}"
        cells = " | ".join(str(cell) for cell in row)
        print(f"| {fault.name} | {cells} | {times} | {'; '.join(problems) or 'nothing'} |", flush=True)
        if problems and (keep := os.environ.get("KEEP_LOGS")):
            Path(keep).write_text(scene.fleet.log())
        return problems


def _problems(scene: Scene) -> tuple[list[str], int]:
    """What must not be, and how many results are stored."""
    clients, board = scene.clients, scene.broker.client()
    deadline = time.monotonic() + SWEPT
    while (scene.fleet.inbox or board.keys("colorize:lease:*")) and time.monotonic() < deadline:
        time.sleep(0.5)
    answers = [each for each in clients.answers if not each.documented]
    stored = {name.removesuffix(".jpg") for name in scene.fleet.stored("results")}
    linked = [link.rpartition("/")[2].removesuffix(".jpg") for _, link in clients.results]
    otherwise = sum(each.status != 200 for each in clients.answers)
    found = {
        "answers of another form": len(answers),
        "photos lost": len(clients.lost()),
        "results given twice": len(linked) - len(set(linked)),
        "results of no request": max(0, len(stored) - len(linked) - otherwise),
        "left in the inbox": len(scene.fleet.inbox),
        "left in the line": board.llen("colorize") + board.zcount("colorize:line", time.time(), "inf"),
        "left in work": len(board.keys("colorize:lease:*")),
    }
    return [f"{count} {what}" for what, count in found.items() if count], len(stored)


def _begun_again(scene: Scene) -> int:
    """How many photos were begun more than once."""
    lines = (
        json.loads(line) for worker in scene.fleet.workers for line in worker.log().splitlines() if '"attempts"' in line
    )
    return len({line["photo"] for line in lines if line["attempts"] > 1})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=500, help="of each of the 8 clients")
    parser.add_argument("--seconds", type=float, default=0.1, help="that the model sleeps for each photo")
    parser.add_argument("--only", default="", help="failures with this text in their names")
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {available_cpus()} CPUs, Python {platform.python_version()}; {CLIENTS} clients, "
        f"{arguments.photos} photos of 96×64 each; the model sleeps {arguments.seconds * 1e3:.0f} ms.\n"
    )
    print(
        "| what | `200` | `503` | `500` | stored, but not answered | begun more than once "
        "| longest time without a result, s | slowest result, s | all well again after, s | what must not be |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    wrong = [
        problem
        for fault in FAULTS
        if arguments.only in fault.name
        for problem in suffer(fault, arguments.photos, arguments.seconds)
    ]
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
