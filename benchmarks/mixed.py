"""``python -m benchmarks.mixed``: what happens to the service with many photos of all formats and sizes, some broken.

8 clients post without pause. Printed are the answers that were not as expected, resident memory in the course of the
run, and how fast ``/health`` answers meanwhile. There is no floor: nothing is compared, and time is not the question.
"""

import argparse
import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pillow_heif
import requests
from numpy.random import Generator
from PIL import Image

from benchmarks import servers
from benchmarks.load import CLIENTS, Client, photo

SIDES = 16, 4000
BROKEN = 0.05
PARTS = 10  # in which the course of memory is told
MB = 2**20

#: What Pillow's ``save`` is told, by format; HEIC has a writer of its own.
FORMATS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 85},
    "progressive JPEG": {"quality": 85, "progressive": True},
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WebP": {"quality": 80},
    "AVIF": {"speed": 10},
    "JPEG2000": {"quality_mode": "rates", "quality_layers": [20]},
    "GIF": {},
    "BMP": {},
    "PPM": {},
    "HEIC": {"quality": 60},
}


@dataclass(frozen=True)
class File:
    """What is posted, and the status that it must get."""

    format: str
    data: bytes
    status: int


def files(count: int, rng: Generator) -> Iterator[File]:
    """Files of all formats in turns, with sides between those of SIDES (evenly on a logarithmic scale)."""
    mosaic = Image.open(io.BytesIO(photo(SIDES[1], SIDES[1])))
    for i in range(count):
        name = list(FORMATS)[i % len(FORMATS)]
        width, height = (int(side) for side in np.exp(rng.uniform(np.log(SIDES[0]), np.log(SIDES[1]), 2)))
        gray = mosaic.resize((width, height), box=(0, 0, width, height))
        data = encoded(gray if rng.random() < 0.6 else gray.convert("RGB"), name)
        if rng.random() < BROKEN:
            yield File(name, data[: len(data) // 2], 400)
        else:
            yield File(name, data, 200)


def encoded(image: Image.Image, name: str) -> bytes:
    """The picture as a file of one of FORMATS."""
    buffer = io.BytesIO()
    if name == "HEIC":
        pillow_heif.from_pillow(image.convert("RGB")).save(buffer, **FORMATS[name])
    else:
        image.save(buffer, name.removeprefix("progressive "), **FORMATS[name])
    return buffer.getvalue()


class Clients:
    """8 clients, and one that asks for ``/health`` every 20 ms."""

    def __init__(self, url: str, port: int, pool: list[File], count: int):
        self._url, self._port, self._pool = url, port, pool
        self._next, self._lock = iter(range(count)), threading.Lock()
        self._stopped = threading.Event()
        self.done = 0
        self.wrong: Counter[str] = Counter()
        self.health: list[float] = []

    def run(self) -> None:
        """Post all, and return when the last answer is there."""
        threads, watcher = (
            [threading.Thread(target=self._post) for _ in range(CLIENTS)],
            threading.Thread(target=self._watch),
        )
        for thread in (*threads, watcher):
            thread.start()
        for thread in threads:
            thread.join()
        self._stopped.set()
        watcher.join()

    def _post(self) -> None:
        session = requests.Session()
        while True:
            with self._lock:
                i = next(self._next, None)
            if i is None:
                return
            file = self._pool[(i * 7919) % len(self._pool)]
            answer = session.post(f"{self._url}/colorize", files={"file": ("a", file.data)}, timeout=300)
            with self._lock:
                self.done += 1
                if answer.status_code != file.status:
                    self.wrong[f"{answer.status_code} for a {file.format} that must get {file.status}"] += 1

    def _watch(self) -> None:
        client = Client(self._port)
        while not self._stopped.wait(0.02):
            self.health.append(client.health())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=440, help="different files, which are posted in turns")
    arguments = parser.parse_args()
    pool = list(files(arguments.files, np.random.default_rng(0)))
    with TemporaryDirectory() as folder, servers.colorize(Path(folder)) as server:
        url = f"http://127.0.0.1:{server.port}"
        clients = Clients(url, server.port, pool, arguments.photos)
        run = threading.Thread(target=clients.run)
        started = time.monotonic()
        run.start()
        memory: list[list[int]] = [[] for _ in range(PARTS)]
        while run.is_alive():
            memory[min(PARTS - 1, PARTS * clients.done // arguments.photos)].append(server.memory())
            run.join(0.5)
        seconds = time.monotonic() - started
    course = [f"{np.mean(part) / MB:.0f}" if part else "–" for part in memory]
    wrong = dict(clients.wrong) or "none"
    print(f"{clients.done} photos in {seconds:.0f} s, of {len(pool)} files; not as expected: {wrong}.")
    print(f"Resident MB, by tenths of the run: {', '.join(course)}.")
    middle, late = (np.percentile(clients.health, share) * 1e3 for share in (50, 99))
    print(f"/health: median {middle:.1f} ms, 99 % {late:.1f} ms, of {len(clients.health)}.")


if __name__ == "__main__":
    main()
