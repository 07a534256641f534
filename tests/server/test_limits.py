"""What a request costs at most: the worst that is allowed goes to the running service, as docs/limits.md has it.

Each test is of a row of tests/support/limits.py. Several of a kind are sent, where one costs too little to be seen.
"""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from colorize_service.server.app_check import MAX_TOKEN_LENGTH
from colorize_service.server.settings import Settings
from tests.support import limits
from tests.support.http import read_answer
from tests.support.key_server import PROJECT, KeyServer
from tests.support.limits import ROWS, WORKER
from tests.support.service import ROOT, Service, wait_until
from tests.support.worst import deep_jpeg2000, deep_tiff, dense_jpeg2000, swelling_png

MB = 2**20
SIZE = 2000, 1500
SETTINGS = {
    "MAX_PIXELS": SIZE[0] * SIZE[1],
    "MAX_UPLOAD_BYTES": 2 * MB,
    "MAX_HELD_BYTES": 32 * MB,
    "CONNECTIONS": 200,
    "MAX_IN_WORK": 2,
    "HEADER_TIMEOUT": 2,
    "KEEPALIVE": 2,
    "BODY_TIMEOUT": 4,
    "SEND_TIMEOUT": 2,
}
#: MB that the heap and the counters of the service itself may grow meanwhile.
SLACK = 5

# --- the documents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [limits.BEFORE, limits.AFTER, limits.PUBLIC])
def test_what_requests_cost_at_most_is_documented_as_it_is_tested(rows):
    assert limits.table(rows) in (ROOT / "docs" / "limits.md").read_text()


def test_the_memory_of_a_worker_is_documented_as_it_is_tested():
    assert f"    {str(WORKER).replace('`', '')}\n" in (ROOT / "docs" / "hosting.md").read_text()


def test_every_setting_that_a_limit_names_exists():
    named = set(
        re.findall(r"`([A-Z]+_[A-Z_]+|CONNECTIONS|THREADS|KEEPALIVE)\b", (ROOT / "docs" / "limits.md").read_text())
    )
    assert len(named) > 15 and named <= {name.upper() for name in Settings.model_fields}


# --- what is measured ------------------------------------------------------------------------------------------------


class Watched:
    """The service's worker: what it takes within a ``with`` block."""

    def __init__(self, service: Service, keys: KeyServer):
        self.service, self.keys, self.url = service, keys, service.url
        (self.worker,) = psutil.Process(service.pid).children()
        self.settings = Settings(app_check=False, **{name.lower(): value for name, value in SETTINGS.items()})

    def memory(self, what: str) -> float:
        status = Path(f"/proc/{self.worker.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) / 1024

    def disk(self) -> float:
        files = (path.stat().st_size for path in self.service.storage.rglob("*") if path.is_file())
        return (sum(files) + self.service.log_path.stat().st_size) / MB

    def seconds(self) -> float:
        times = self.worker.cpu_times()
        return times.user + times.system

    @contextlib.contextmanager
    def keeps(self, name: str, count: int = 1, sent: float = 0.0) -> Iterator[None]:
        """The requests within the block, ``count`` of this row, of ``sent`` MB each, keep to its figures."""
        row, worker = ROWS[name], self.worker
        wait_until(lambda: self.service.connections == 0, 30)
        Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
        memory, cpu, disk = self.memory("VmRSS"), self.seconds(), self.disk()
        held, over = [(worker.num_threads(), worker.num_fds())], threading.Event()

        def look() -> None:
            while not over.wait(0.01):
                held.append((worker.num_threads(), worker.num_fds()))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()
        took = {
            "memory": self.memory("VmHWM") - memory - SLACK,
            "cpu": self.seconds() - cpu,
            "threads": max(held)[0] - held[0][0] - self.settings.threads,
            "files": max(files for _, files in held) - held[0][1],
            "disk": self.disk() - disk,
        }
        may = {
            "memory": row.memory.value(self.settings, sent),
            "cpu": row.cpu.value(self.settings, sent),
            "threads": row.threads,
            "files": row.files,
            "disk": row.disk.value(self.settings),
        }
        assert not {what for what in took if took[what] > count * may[what]}, (count, took, may)

    def connect(self, request: bytes = b"", buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(40)
        client.connect(("127.0.0.1", self.service.port))
        client.sendall(request)
        return client

    def head(self, path: bytes, length: int, token: str | None = None) -> bytes:
        """The headers of a form with a good token, or with this one."""
        sent = (self.keys.token() if token is None else token).encode()
        return (
            b"POST %s HTTP/1.1\r\nHost: x\r\nX-Firebase-AppCheck: %s\r\nContent-Length: %d\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" % (path, sent, length)
        )

    def post(self, path: str, body: bytes) -> requests.Response:
        headers = {"X-Firebase-AppCheck": self.keys.token(), "Content-Type": "multipart/form-data; boundary=x"}
        return requests.post(self.url + path, data=body, headers=headers, timeout=60)

    def seconds_until_hung_up(self, clients: list[socket.socket]) -> float:
        began = time.monotonic()
        for client in clients:
            with contextlib.suppress(ConnectionError):
                while client.recv(100_000):
                    pass
        return time.monotonic() - began


def start(running: Callable[..., Service], keys: KeyServer, **settings: object) -> Watched:
    """A service of its own, which has answered nobody."""
    app_check = {"APP_CHECK": "on", "FIREBASE_PROJECT_ID": PROJECT, "APP_CHECK_JWKS_URL": keys.url}
    return Watched(running(**SETTINGS | app_check | settings), keys)


@pytest.fixture(scope="module")
def watched(running, keys):
    watched = start(running, keys)
    for _ in range(3):  # what is imported and kept with the first requests
        assert watched.post("/upload", form(file=swelling_png(200, 200))).status_code == 200
        assert watched.post("/colorize", form(file=deep_jpeg2000(200, 200))).status_code == 200
        assert watched.post("/colorize", form(file=deep_tiff(200, 200))).status_code == 200
        for path in ("/openapi.json", "/docs", "/metrics"):
            assert requests.get(watched.url + path, timeout=10).status_code == 200
    return watched


def field(name: str, content: bytes, more: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), more, content)


def form(**fields: bytes) -> bytes:
    return b"".join(field(name, content) for name, content in fields.items()) + b"--x--\r\n"


def at_once(count: int, call: Callable[[], object]) -> list:
    with ThreadPoolExecutor(count) as clients:
        return [each.result() for each in [clients.submit(call) for _ in range(count)]]


# --- before the token ------------------------------------------------------------------------------------------------

COUNT = 100
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(("name", "said"), [("silent", b""), ("silent", b"GET /he"), ("idle", GET)])
def test_who_says_little_costs_little_and_is_hung_up_on(watched, name, said):
    with watched.keeps(name, COUNT), contextlib.ExitStack() as stack:
        clients = []
        for _ in range(COUNT):
            clients.append(stack.enter_context(watched.connect(said)))
            if name == "idle":
                assert read_answer(clients[-1])[0] == 200
        wait_until(lambda: watched.service.connections == COUNT, 5)
        assert watched.seconds_until_hung_up(clients) < ROWS[name].time.value(watched.settings)


def test_headers_cost_little_whether_they_are_taken_or_not(watched):
    heads = {
        "headers": [
            b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"a" * size) for i in range(count)) + b"\r\n"
            for count, size in ((95, 650), (4, 16_000), (101, 1), (5, 16_000), (1, 70_000))
        ],
        "line": [b"GET /" + b"\xff" * 4_000 + b" HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 70_000, b"\0" * 70_000 + b"\r\n"],
    }
    for name, requests_ in heads.items():
        with watched.keeps(name, len(requests_) * 10):
            for request in requests_ * 10:
                with watched.connect(request) as client:
                    began = time.monotonic()
                    with contextlib.suppress(ConnectionError):
                        read_answer(client)
                    assert time.monotonic() - began < ROWS[name].time.value(watched.settings)


def test_a_token_costs_little_whatever_is_in_it(watched):
    unknown = watched.keys.sign(watched.keys.claims(), kid="unknown")
    forged = watched.keys.token()[:-20] + "A" * 20
    long = watched.keys.sign(b'{"a":' + b"[" * (MAX_TOKEN_LENGTH // 2))
    tokens = [forged, long, unknown, "a." * (MAX_TOKEN_LENGTH // 2)] * 5
    with watched.keeps("token", len(tokens)):
        for token in tokens:
            began = time.monotonic()
            answer = requests.get(f"{watched.url}/download/x", headers={"X-Firebase-AppCheck": token}, timeout=10)
            assert answer.status_code == 401
            assert time.monotonic() - began < ROWS["token"].time.value(watched.settings)


@pytest.mark.parametrize("token", ["", None])
def test_a_body_that_is_refused_costs_no_memory_and_is_listened_to_for_a_while(watched, token):
    """Without a token, and with one but of a declared length that is too large."""
    count, megabytes = 10, 10
    with watched.keeps("refused", count, sent=megabytes), contextlib.ExitStack() as stack:
        head = watched.head(b"/upload", 100 * MB, token)
        clients = [stack.enter_context(watched.connect(head)) for _ in range(count)]
        for client in clients:
            client.sendall(bytes(megabytes * MB))
        assert all(client.recv(20)[9:12] == (b"401" if token == "" else b"413") for client in clients)


@pytest.mark.slow
def test_who_goes_on_sending_what_is_refused_is_hung_up_on(watched):
    with watched.connect(watched.head(b"/upload", 100 * MB, "") + bytes(1000)) as client:
        assert watched.seconds_until_hung_up([client]) < ROWS["refused"].time.value(watched.settings)
    wait_until(lambda: watched.service.connections == 0, 5)


def test_a_body_in_chunks_of_a_byte_is_not_read_to_its_end(watched):
    chunks = b"1\r\na\r\n" * 100_000
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with watched.keeps("chunks", 5, sent=10 * len(chunks) / MB):
        for _ in range(5):
            with watched.connect(head) as client, contextlib.suppress(OSError):
                client.settimeout(1)
                for _ in range(10):
                    client.sendall(chunks)


# --- after the token -------------------------------------------------------------------------------------------------


def test_bodies_that_stop_in_the_middle_take_what_was_sent_and_end(watched):
    count, sent = 40, 400_000
    head = watched.head(b"/upload", 2 * MB) + field("file", b"")[:-2]
    with watched.keeps("slow", count, sent=sent / MB), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(watched.connect(head + bytes(sent))) for _ in range(count)]
        time.sleep(1)
        assert watched.worker.num_threads() > count
        assert watched.seconds_until_hung_up(clients) < ROWS["slow"].time.value(watched.settings)


def test_a_form_of_many_parts_costs_little(watched):
    photo = field("file", swelling_png(64, 64))
    bodies = [
        photo + b"".join(field(str(i), b"", b'; filename="%s"' % (b"a" * 430)) for i in range(1_990)),
        photo + b"".join(field("a", b"", b"; " + b'a="x;' * 3_200) for _ in range(60)),
        photo + b"".join(field("a", b"", b"; " + b"a=;" * 5_300) for _ in range(60)),
        photo + b"".join(field("a", b"", b"\r\n " * 5_300) for _ in range(60)),
        field("file", b"\n--xy" * 300_000),
        (b"\n--xy" * 300_000) + b"\r\n" + photo,
    ]
    for body in bodies:
        with watched.keeps("parts", sent=len(body) / MB):
            assert watched.post("/colorize", body + b"--x--\r\n").status_code in (200, 400)


def test_fields_as_large_as_they_may_be_cost_little(watched):
    photo, extra = swelling_png(64, 64), b'[{"' + b'":1,"'.join(b"%d" % i for i in range(5_000)) + b'":1}]'
    hundred = json.dumps([{"x": i / 100, "y": 0.5, "color": "#208030"} for i in range(100)]).encode()
    fields = [
        {"hints": extra},
        {"hints": hundred + b" " * (49_900 - len(hundred))},
        {"hints": b"[" * 49_900},
        {"saturation": b"1" * 490_000},
        {"warmth": b" " * 490_000 + b"1"},
        {"prompt": b"a" * 490_000},
    ]
    for each in fields:
        with watched.keeps("texts"):
            assert watched.post("/colorize", form(file=photo, **each)).status_code in (200, 400)
    with watched.keeps("texts"):
        assert watched.post("/colorize", form(image_id=b"a" * 490_000)).status_code == 404


DEAREST = {
    "most memory": lambda: deep_jpeg2000(*SIZE),
    "most memory of a TIFF": lambda: deep_tiff(*SIZE),
    "most time": lambda: dense_jpeg2000(*SIZE, SETTINGS["MAX_UPLOAD_BYTES"] - 10_000),
    "most room": lambda: swelling_png(*SIZE),
}


@pytest.mark.parametrize("photo", DEAREST)
@pytest.mark.parametrize("name", ["upload", "colorize"])
def test_the_dearest_photos_keep_to_the_limits(watched, name, photo):
    file = DEAREST[photo]()
    body = form(file=file + bytes(SETTINGS["MAX_UPLOAD_BYTES"] - len(file) - 500))
    with watched.keeps(name):
        assert watched.post(f"/{name}", body).status_code == 200


def test_a_fresh_worker_takes_for_the_dearest_photo_what_is_said(running, keys):
    """One that has had such a photo keeps memory for the next."""
    watched = start(running, keys)
    body = form(file=deep_jpeg2000(*SIZE))
    before = watched.memory("VmRSS")
    assert watched.post("/upload", body).status_code == 200
    most = ROWS["upload"].memory.value(watched.settings)
    assert 0.5 * most < watched.memory("VmHWM") - before < most


def test_a_photo_by_its_id_and_one_with_hints_cost_no_more_than_others(watched):
    hints = json.dumps([{"x": i / 100, "y": i / 100, "color": "#208030"} for i in range(100)]).encode()
    uploaded = watched.post("/upload", form(file=deep_jpeg2000(*SIZE))).json()["image_id"].encode()
    for name, fields in (("image_id", {"image_id": uploaded}), ("hints", {"image_id": uploaded, "hints": hints})):
        with watched.keeps(name):
            assert watched.post("/colorize", form(**fields)).status_code == 200


# --- for everybody ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(watched) -> str:
    """The address of a large file."""
    return watched.post("/upload", form(file=swelling_png(*SIZE))).json()["image_url"]


def test_stored_files_cost_little_whatever_is_asked_of_them(watched, stored):
    headers = [
        {},
        {"Range": "bytes=0-0"},
        {"Range": "bytes=" + ",".join(f"{i}-{i}" for i in range(1_500))},
        {"If-None-Match": ",".join(f'"{i}"' for i in range(1_800))},
        {"If-Match": '"' * 16_000},
        {"If-None-Match": 'W/"' * 5_300},
        {"Range": "bytes=-" + "9" * 4_000},
    ]
    with watched.keeps("file", 10 * len(headers)):
        for each in headers:
            for answer in at_once(10, lambda each=each: requests.get(stored, headers=each, timeout=10)):
                assert answer.status_code in (200, 206, 304, 400, 412, 416)
                assert answer.elapsed.total_seconds() < ROWS["file"].time.value(watched.settings)


def test_who_takes_nothing_of_a_file_costs_a_thread_and_is_hung_up_on(watched, stored):
    request = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % stored.removeprefix(watched.url).encode()
    with watched.keeps("reader", COUNT), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(watched.connect(request, 4_096)) for _ in range(COUNT)]
        time.sleep(ROWS["reader"].time.value(watched.settings))
        assert len(clients) == COUNT and watched.service.connections == 0


LONG = {f"X-{i}": "a" * 650 for i in range(80)}


@pytest.mark.parametrize(
    ("name", "method", "path", "headers"),
    [
        ("health", "GET", "/health", LONG),
        ("health", "GET", "/model", LONG),
        ("metrics", "GET", "/metrics", {}),
        ("page", "GET", "/", LONG),
        ("page", "GET", "/docs", LONG),
        ("page", "GET", "/openapi.json", LONG),
        ("unknown", "GET", "/" + "%ff" * 1_300, LONG),
        ("unknown", "BREW", "/" + "a/" * 1_900, LONG),
        ("unknown", "PATCH", "/colorize?" + "a=1&" * 900, LONG),
        (
            "preflight",
            "OPTIONS",
            "/colorize",
            {
                "Origin": "https://a.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": ",".join(f"x{i}" for i in range(2_200)),
            },
        ),
    ],
)
def test_what_anybody_may_ask_costs_little(watched, name, method, path, headers):
    with watched.keeps(name, 20):
        for answer in at_once(20, lambda: requests.request(method, watched.url + path, headers=headers, timeout=10)):
            assert answer.status_code in (200, 404, 405)
            assert answer.elapsed.total_seconds() < ROWS[name].time.value(watched.settings)


# --- all at once -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_worker_stays_within_its_memory_whatever_comes_at_once(running, keys):
    """Clients that hold memory and threads, while photos of the dearest kind are colorized and kept."""
    watched = start(running, keys, BODY_TIMEOUT=60, HEADER_TIMEOUT=60)
    most = WORKER.value(watched.settings)
    bodies = [form(file=make()) for make in (DEAREST["most memory"], DEAREST["most memory of a TIFF"])]
    uploaded = watched.post("/upload", bodies[0]).json()
    over, statuses = threading.Event(), []

    def photos(path: str, body: bytes) -> None:
        while not over.is_set():
            statuses.append(watched.post(path, body).status_code)

    calls = [(path, body) for path in ("/upload", "/colorize") for body in bodies] * 3
    calls += [("/colorize", form(image_id=uploaded["image_id"].encode()))] * 3
    head = watched.head(b"/upload", 2 * MB) + field("file", b"")[:-2]
    stored = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % uploaded["image_url"].removeprefix(watched.url).encode()
    with contextlib.ExitStack() as stack:
        for said in [b""] * 50 + [head + bytes(MB)] * 12 + [head] * 40 + [stored] * 40:
            stack.enter_context(watched.connect(said, 4_096))
        threads = [threading.Thread(target=photos, args=call) for call in calls]
        for thread in threads:
            thread.start()
        time.sleep(5)
        over.set()
        for thread in threads:
            thread.join()
    peak = watched.memory("VmHWM")
    assert set(statuses) <= {200, 503} and statuses.count(200) > 5, statuses
    assert 0.5 * most < peak < most, (peak, most)
