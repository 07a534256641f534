"""Clients that are slow, by nature or on purpose: they are served while they get on, and hold up nobody."""

import contextlib
import socket
import time
from collections.abc import Callable

import psutil
import pytest
import requests
from PIL import Image

from tests.conftest import encode
from tests.support.gateway import Nginx
from tests.support.http import read_answer
from tests.support.service import Service, wait_until
from tests.support.slow_clients import POST, SLOW, connect, hostile, stored


def colorize(url: str, photo: bytes) -> requests.Response:
    return requests.post(f"{url}/colorize", files={"file": photo}, timeout=60)


@pytest.fixture(scope="module")
def large_file() -> bytes:
    """A photo of megabytes, more than the kernel takes for a client that does not read."""
    return encode(Image.effect_noise((4000, 3000), 100), "JPEG", quality=95)


# --- hundreds of them ------------------------------------------------------------------------------------------------


def assert_serves(url: str, photo: bytes) -> None:
    times = []
    for _ in range(20):
        started = time.monotonic()
        assert requests.get(f"{url}/health", timeout=10).status_code == 200
        times.append(time.monotonic() - started)
    assert sorted(times)[-2] < 3, "so long would be no health at all; benchmarks.hostile measures it"
    started = time.monotonic()
    assert colorize(url, photo).status_code == 200
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("kind", SLOW)
def test_hundreds_of_slow_clients_hold_up_nobody(service, gray_jpeg, large_file, kind):
    with hostile(service.url, [kind], 200, large_file):
        time.sleep(0.3)
        assert_serves(service.url, gray_jpeg)


def test_slow_clients_of_all_kinds_together_hold_up_nobody_and_leave_nothing_behind(serve, gray_jpeg, large_file):
    service = serve(HEADER_TIMEOUT=5)
    assert_serves(service.url, gray_jpeg)
    (worker,) = psutil.Process(service.pid).children()
    before = worker.num_threads(), worker.num_fds()
    with hostile(service.url, list(SLOW), 200, large_file) as clients:
        assert len(clients) > 1000, "more than the worker may hold"
        time.sleep(3)  # nobody counts as slow at once
        assert_serves(service.url, gray_jpeg)
    wait_until(lambda: worker.num_threads() <= before[0] + 16 and worker.num_fds() <= before[1] + 3, 20)


@pytest.mark.parametrize("kind", SLOW)
def test_hundreds_of_slow_clients_behind_nginx_hold_up_nobody(service, gray_jpeg, large_file, tmp_path, kind):
    with Nginx(tmp_path, service.port) as nginx, hostile(nginx.url, [kind], 200, large_file):
        time.sleep(0.3)
        assert_serves(nginx.url, gray_jpeg)


# nginx lets an address have 300 requests at a time.
@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds", [*([kind] for kind in SLOW), list(SLOW)], ids=lambda kinds: kinds[0] if len(kinds) == 1 else "all"
)
def test_behind_nginx_health_and_a_photo_are_answered_soon_whatever_slow_clients_do(
    service, gray_jpeg, large_file, tmp_path, kinds
):
    with Nginx(tmp_path, service.port) as nginx, hostile(nginx.url, kinds, 200 // len(kinds), large_file):
        time.sleep(2)  # so many of any kind at once take their time
        times = sorted(seconds(lambda: requests.get(f"{nginx.url}/health", timeout=10)) for _ in range(100))
        assert times[98] < 2, "99 % of them"
        assert max(seconds(lambda: colorize(nginx.url, gray_jpeg)) for _ in range(3)) < 2


def test_files_that_nobody_takes_from_nginx_fill_no_disk(service, large_file, tmp_path):
    """It would spool each for its client, and anybody may ask for any number of them."""
    with Nginx(tmp_path, service.port) as nginx, hostile(nginx.url, ["do not take what they asked for"], 5, large_file):
        time.sleep(2)
        assert service.connections >= 5, "they are not answered at all"
        assert "/proxy/" not in (tmp_path / "nginx.log").read_text(), "it opens files, or tries to"


def seconds(ask: Callable[[], requests.Response]) -> float:
    started = time.monotonic()
    assert ask().status_code == 200
    return time.monotonic() - started


def test_new_clients_get_in_where_slow_ones_hold_every_connection(serve, gray_jpeg, large_file):
    service = serve(CONNECTIONS=20)
    for kind in ("trickle their body", "do not take what they asked for", "say nothing"):
        with hostile(service.url, [kind], 40, large_file):
            time.sleep(3)  # nobody counts as slow at once
            assert colorize(service.url, gray_jpeg).status_code == 200, kind


# --- each of them ----------------------------------------------------------------------------------------------------


def test_a_slow_reader_gets_all_of_its_file(serve, gray_photo):
    service = serve(SEND_TIMEOUT=3)
    photo = encode(Image.effect_noise((800, 600), 100), "JPEG", quality=95)
    with connect(service.url, 4096) as client:
        client.sendall(stored(service.url, photo))
        for _ in range(16):
            assert len(client.recv(4000)) > 100
            time.sleep(0.5)
        with client.makefile("rb") as rest:
            assert len(rest.read(10_000)) == 10_000


def test_who_takes_nothing_of_an_answer_is_hung_up_on(serve, large_file):
    service = serve(SEND_TIMEOUT=1)
    with connect(service.url, 4096) as client:
        client.sendall(stored(service.url, large_file))
        assert client.recv(10).startswith(b"HTTP/1.1")
        wait_until(lambda: service.connections == 0, 10)
        with pytest.raises(ConnectionResetError), client.makefile("rb") as rest:
            rest.read()


def test_who_takes_a_byte_now_and_then_is_hung_up_on(serve, large_file):
    service = serve(SEND_TIMEOUT=1)
    with connect(service.url, 4096) as client:
        client.sendall(stored(service.url, large_file))
        wait_until(lambda: client.recv(1) and service.connections == 0, 10)


def test_clients_that_never_end_their_headers_are_hung_up_on(serve):
    service = serve(HEADER_TIMEOUT=1)
    for begun in (b"", b"GET /health HTTP/1.1\r\nX-Slow: ", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /"):
        with connect(service.url) as client:
            client.sendall(begun)
            began = time.monotonic()
            with contextlib.suppress(ConnectionResetError):
                while client.recv(10_000):
                    pass
            assert 0.5 < time.monotonic() - began < 8


def test_headers_that_come_in_pieces_and_as_large_as_they_may_be_are_read(service):
    head = b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %s\r\n" % (i, 15_000 * b"a") for i in range(4))
    with connect(service.url) as client:
        for at in range(0, len(head), 1500):
            client.sendall(head[at : at + 1500])
            time.sleep(0.005)
        for last in (b"\r", b"\n"):
            client.sendall(last)
            time.sleep(0.1)
        assert read_answer(client)[0] == 200
        for byte in b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n":  # on the same connection
            client.sendall(bytes([byte]))
            time.sleep(0.005)
        assert read_answer(client)[0] == 200


def test_requests_that_come_together_are_answered_in_turn(service):
    with connect(service.url) as client:
        client.sendall(3 * b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /hea")
        for _ in range(3):
            assert read_answer_of(client) == 200
        time.sleep(0.2)
        client.sendall(b"lth HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer_of(client) == 200


def read_answer_of(client: socket.socket) -> int:
    """The status of one answer, of which not a byte too much is read."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    (length,) = (int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
    while length:
        length -= len(client.recv(length))
    return int(head.split()[1])


@pytest.mark.parametrize("size", [b"100000", None])
def test_a_body_that_trickles_in_is_refused_with_a_sentence(serve, size):
    service = serve(BODY_TIMEOUT=1)
    length = b"Content-Length: " + size if size else b"Transfer-Encoding: chunked"
    with connect(service.url) as client:
        client.sendall(
            b"POST /colorize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            + length
            + b"\r\n\r\n"
        )
        answer = b""
        client.settimeout(0.3)
        for _ in range(40):
            with contextlib.suppress(TimeoutError, OSError):
                client.sendall(b"-" if size else b"1\r\n-\r\n")
                answer += client.recv(10_000)
            if answer.endswith(b"}\n"):
                break
    assert b" 400 " in answer.splitlines()[0] and b"took too long" in answer


# --- 100 Continue ----------------------------------------------------------------------------------------------------


def expecting(service: Service, request: bytes) -> socket.socket:
    client = connect(service.url)
    client.sendall(request.replace(b"Host: x\r\n", b"Host: x\r\nExpect: 100-continue\r\n"))
    return client


def test_a_body_that_is_refused_by_its_headers_is_not_asked_for(service):
    too_large = POST.replace(b"100000", b"1000000000")
    for request in (too_large, POST.replace(b"/colorize", b"/nothing")):
        with expecting(service, request) as client:
            began = time.monotonic()
            assert read_answer(client)[0] in (404, 413)
            assert client.recv(1) == b"", "whether a body comes now nobody can know"
            assert time.monotonic() - began < 5


def test_a_body_is_asked_for_when_it_is_read(service, gray_jpeg):
    body = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + gray_jpeg + b"\r\n--x--\r\n"
    with expecting(service, POST.replace(b"100000", b"%d" % len(body))) as client:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert read_answer_of(client) == 200
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer_of(client) == 200
