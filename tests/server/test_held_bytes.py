"""What clients send is held in memory while it comes and waits: all together within a bound."""

import contextlib
import socket
import threading
import time

import pytest
import requests
from PIL import Image

from colorize_service.inference.turn import Busy
from colorize_service.server.held_bytes import HeldBytes
from tests.conftest import encode
from tests.support.http import assert_error
from tests.support.service import wait_until


def test_what_all_hold_is_bounded_and_given_back():
    held = HeldBytes(100)
    one, other = held.share(), held.share()
    assert list(one.counted([b"a" * 40, b"b" * 30])) == [b"a" * 40, b"b" * 30]
    other.add(30)
    with pytest.raises(Busy):
        other.add(1)
    one.end()
    other.add(70)
    other.end()
    other.end()
    assert held.held == 0


def test_as_many_threads_as_one_likes_leave_nothing_held():
    held = HeldBytes(50)

    def hold() -> None:
        for _ in range(500):
            share = held.share()
            with contextlib.suppress(Busy):
                list(share.counted([b"a" * 10] * 3))
            share.end()

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held.held == 0


def test_photos_that_memory_has_no_room_for_are_to_come_later_and_then_are_served(serve):
    service = serve(MAX_HELD_BYTES=3_000_000, MAX_UPLOAD_BYTES=3_000_000)
    photo = encode(Image.effect_noise((1000, 1000), 100), "PNG")
    post = (
        b"POST /colorize HTTP/1.1\r\nHost: x\r\nContent-Length: 2900000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    )

    def refused() -> bool:
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(post + bytes(2_500_000))
            time.sleep(0.3)
            answer = requests.post(f"{service.url}/colorize", files={"file": photo}, timeout=30)
            assert requests.get(f"{service.url}/health", timeout=5).status_code == 200
        if answer.status_code == 503:
            assert "later" in assert_error(answer, 503) and int(answer.headers["Retry-After"]) > 0
        return answer.status_code == 503

    wait_until(refused, 20)
    for path in ("/upload", "/colorize"):
        wait_until(lambda: requests.post(service.url + path, files={"file": photo}, timeout=30).ok, 10, service.log)  # noqa: B023
