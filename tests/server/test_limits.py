"""What a request costs at most: the worst that is allowed goes to the running service, as docs/limits.md has it.

Each test is of a row of tests/support/limits.py. Several of a kind are sent, where one costs too little to be seen.
"""

import contextlib
import re
import time

import pytest
import requests

from colorize_service.server.app_check import MAX_TOKEN_LENGTH
from colorize_service.server.settings import Settings
from tests.support import limits
from tests.support.http import NO_SUCH_ID, read_answer
from tests.support.limits import ROWS, WORKER
from tests.support.service import ROOT, wait_until
from tests.support.watched import MB, SIZE, at_once, form
from tests.support.worst import swelling_png

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


def test_a_stored_file_and_its_token_cost_little_to_judge(watched, stored):
    with watched.keeps("delete", 20):
        for answer in at_once(20, lambda: requests.delete(stored, headers={"X-Delete-Token": "a" * 9_000}, timeout=10)):
            assert answer.status_code == 403
            assert answer.elapsed.total_seconds() < ROWS["delete"].time.value(watched.settings)


LONG = {f"X-{i}": "a" * 650 for i in range(80)}


@pytest.mark.parametrize(
    ("name", "method", "path", "headers"),
    [
        ("delete", "DELETE", f"/results/{NO_SUCH_ID}.jpg", LONG | {"X-Delete-Token": "a" * 9_000}),
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
