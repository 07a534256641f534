"""What the measurements of servers share: photos, a client, eight of them at a time, and processor time."""

import http.client
import io
import itertools
import threading
import time
from dataclasses import dataclass, field

import psutil
from PIL import Image
from skimage import data

CLIENTS = 8


def photo(width: int, height: int, quality: int = 90) -> bytes:
    """A gray JPEG with the detail of real photos at every size: a mosaic of photos at their own resolution."""
    tiles = itertools.cycle(
        Image.fromarray(getattr(data, name)()).convert("L")
        for name in ("astronaut", "coffee", "chelsea", "rocket", "camera")
    )
    image = Image.new("L", (width, height))
    for top in range(0, height, 300):
        for left in range(0, width, 400):
            image.paste(next(tiles).crop((0, 0, 400, 300)), (left, top))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def form(jpeg: bytes | None, **fields: str) -> bytes:
    """The multipart body that carries a photo, and other fields; without a photo None."""
    texts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    if jpeg is None:
        return "".join(texts).encode() + b"--x--\r\n"
    return (
        "".join(texts).encode() + b'--x\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n--x--\r\n"
    )


class Client:
    """One kept connection to a server on this machine."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def colorize(self, body: bytes) -> float:
        """Seconds of ``POST /colorize`` with this form, from sending to the answer."""
        started = time.perf_counter()
        self.answer("POST", "/colorize", body)
        return time.perf_counter() - started

    def health(self) -> float:
        """Seconds of ``GET /health``."""
        started = time.perf_counter()
        self.answer("GET", "/health")
        return time.perf_counter() - started

    def answer(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The body of the answer; raises RuntimeError if its status is not 200."""
        headers = {} if body is None else {"Content-Type": "multipart/form-data; boundary=x"}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer!r}")
        return answer


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all that it has started and that still run, in steps of some 10 ms."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return sum(each.user + each.system for each in times)


@dataclass
class Load:
    """What a server did while all clients posted without pause.

    Attributes:
        rate: photos a second.
        cpu: processor seconds of the server for each photo.
        health: seconds of each ``/health`` that was asked for meanwhile.
    """

    rate: float
    cpu: float
    health: list[float] = field(default_factory=list)


def under_load(
    port: int, pid: int, bodies: list[bytes], duration: float, count: int | None = None, watch: bool = False
) -> Load:
    """8 clients post these forms in turns, without pause.

    Args:
        port, pid: the server's.
        duration: seconds from the start to the last post; without meaning if there is a ``count``.
        count: photos in all.
        watch: whether ``/health`` is asked for meanwhile, every 20 ms.
    """
    stop, done, health = threading.Event(), itertools.count(), list[float]()
    supply, lock = itertools.islice(itertools.cycle(bodies), count), threading.Lock()

    def work() -> None:
        client = Client(port)
        while not stop.is_set():
            with lock:
                body = next(supply, None)
            if body is None:
                return
            client.colorize(body)
            next(done)

    def look() -> None:
        while watch and not stop.is_set():
            health.append(Client(port).health())
            time.sleep(0.02)

    threads, watcher = [threading.Thread(target=work) for _ in range(CLIENTS)], threading.Thread(target=look)
    started, before = time.perf_counter(), cpu_seconds(pid)
    for thread in [*threads, watcher]:
        thread.start()
    if count is None:
        time.sleep(duration)
        stop.set()
    for thread in threads:
        thread.join()
    seconds, cpu, photos = time.perf_counter() - started, cpu_seconds(pid) - before, next(done)
    stop.set()
    watcher.join()
    if not photos:
        raise RuntimeError("Not one photo came back: the log of the server says why.")
    return Load(photos / seconds, cpu / photos, health)
