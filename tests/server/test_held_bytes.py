"""What clients send is held in memory while it comes and waits: all together within a bound."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable

import pytest
import requests
from PIL import Image
from werkzeug.exceptions import BadRequest

from colorize_service.inference.turn import Busy
from colorize_service.server.app import create_app
from colorize_service.server.connection import body_pieces
from colorize_service.server.held_bytes import HeldBytes
from colorize_service.server.settings import Settings
from colorize_service.server.storage.folder import FolderStorage
from tests.conftest import encode
from tests.support.http import NO_SUCH_ID, assert_error
from tests.support.service import wait_until


def test_what_all_hold_is_bounded_and_given_back():
    held = HeldBytes(100)
    one, other = held.share(), held.share()
    one.add(80)
    one.drop(10)
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
                for _ in range(3):
                    share.add(10)
                share.drop(5)
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


# --- nothing is in memory that is not held ---------------------------------------------------------------------------


class Coming(io.RawIOBase):
    """A body of so many bytes; ``before`` is called before each read with the bytes that the reader asks for."""

    def __init__(self, size: int, before: Callable[[int], None]):
        self._left, self._before = size, before

    def read(self, size: int = -1) -> bytes:
        self._before(size)
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


@pytest.mark.parametrize("declared", [True, False])
def test_each_piece_of_a_body_is_held_before_it_is_waited_for(declared):
    held, came, size = HeldBytes(10_000_000), 0, 3_000_000

    def before(size: int) -> None:
        assert held.held == came + size or size == 1, "to see whether there is more"

    environ = {"wsgi.input": Coming(size, before), "wsgi.input_terminated": True}
    environ |= {"CONTENT_LENGTH": str(size)} if declared else {"HTTP_TRANSFER_ENCODING": "chunked"}
    for piece in body_pieces(environ, 5_000_000, held.share()):
        came += len(piece)
        assert held.held == came
    assert came == size


def test_who_has_sent_nothing_holds_little_whatever_he_declares():
    held = HeldBytes(10_000_000)
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "9000000"}
    environ["wsgi.input"] = Coming(0, lambda size: pytest.fail(f"{held.held} are held") if held.held > 70_000 else None)
    with pytest.raises(BadRequest, match="cut off"):
        list(body_pieces(environ, 9_000_000, held.share()))
    assert held.held == 0


def test_a_stored_photo_for_which_there_is_no_room_is_not_read(tmp_path):
    storage, held = FolderStorage(tmp_path), HeldBytes(100)
    file_id = storage.put("uploads", bytes(101))
    with pytest.raises(Busy):
        storage.get("uploads", file_id, held.share().add)


def test_results_that_wait_for_a_slow_disk_are_no_more_than_photos_in_work(tmp_path, gray_jpeg, monkeypatch):
    app = create_app(Settings(storage_dir=tmp_path, app_check=False, metrics_port=0, max_in_work=2, max_waiting=20))
    wait_until(lambda: app.test_client().get("/health").status_code == 200, 30)
    storing, most, lock = [], [], threading.Lock()

    def slow(self: FolderStorage, files: dict[str, bytes], file_id: str | None = None) -> str:
        with lock:
            storing.append(files)
            most.append(len(storing))
        time.sleep(0.2)
        storing.remove(files)
        return NO_SUCH_ID

    monkeypatch.setattr(FolderStorage, "put_all", slow)
    for path in ("/colorize", "/upload"):
        answers: list[int] = []

        def post(path: str = path, answers: list[int] = answers) -> None:
            form = {"file": (io.BytesIO(gray_jpeg), "photo.jpg")}
            answers.append(app.test_client().post(path, data=form).status_code)

        threads = [threading.Thread(target=post) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 8 and max(most) == 2
