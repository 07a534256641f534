"""A client that lost an answer asks again with its Idempotency-Key: it gets that answer, and the work is done once."""

import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from colorize_service.server.answers import LIFETIME, Answer, AnswersInFolder, OtherRequest, name_of
from tests.support.http import assert_error
from tests.support.service import wait_until

REPLAYED = "Idempotent-Replayed"


def post(url: str, photo: bytes, key: str, path: str = "/colorize", **fields: str) -> requests.Response:
    files = {"file": ("photo.jpg", photo, "image/jpeg")}
    return requests.post(url + path, files=files, data=fields, headers={"Idempotency-Key": key}, timeout=60)


def results(service) -> int:
    return sum(path.is_file() for path in (service.storage / "results").rglob("*"))


@pytest.fixture
def key() -> str:
    return f"{uuid.uuid4()} ü"


@pytest.fixture(params=["/colorize", "/upload"])
def path(request) -> str:
    return request.param


def test_a_repeated_request_gets_the_first_answer(url, gray_jpeg, key, path):
    key = key.encode().decode("latin-1")  # any string, as a client's library sends it
    first, second = (post(url, gray_jpeg, key, path) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() and first.headers["X-Delete-Token"] == second.headers["X-Delete-Token"]
    assert REPLAYED not in first.headers and second.headers[REPLAYED] == "true"
    assert second.headers["X-Request-ID"] != first.headers["X-Request-ID"]


def test_requests_in_parallel_run_the_model_once(service, gray_jpeg):
    before, key = results(service), str(uuid.uuid4())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(service.url, gray_jpeg, key).json(), range(6)))
    assert answers == answers[:1] * 6
    assert results(service) == before + 1


def test_a_key_for_another_request_is_refused(url, gray_jpeg, key):
    key = key.encode().decode("latin-1")
    assert post(url, gray_jpeg, key).status_code == 200
    assert_error(post(url, gray_jpeg, key, saturation="0.5"), 422)
    assert_error(post(url, gray_jpeg, key, "/upload"), 422)
    assert_error(post(url, gray_jpeg + b"\0", key), 422)


def test_a_field_that_means_nothing_makes_no_other_request(url, gray_jpeg):
    key = str(uuid.uuid4())
    assert post(url, gray_jpeg, key, retry="1").json() == post(url, gray_jpeg, key, retry="2").json()


def test_without_a_key_each_request_is_its_own(url, gray_jpeg):
    one, other = (requests.post(f"{url}/colorize", files={"file": gray_jpeg}, timeout=60) for _ in range(2))
    assert one.json()["result_id"] != other.json()["result_id"]


def test_a_refusal_of_the_photo_is_the_answer_to_the_same_photo(url):
    key = str(uuid.uuid4())
    first, second = (post(url, b"no photo", key) for _ in range(2))
    assert_error(first, 400)
    assert second.status_code == 400 and second.json() == first.json() and REPLAYED in second.headers


def test_a_key_that_is_too_long_is_said_and_an_empty_one_is_none(url, gray_jpeg):
    assert_error(post(url, gray_jpeg, "k" * 256), 400)
    one, other = (post(url, gray_jpeg, "") for _ in range(2))
    assert one.json()["result_id"] != other.json()["result_id"]


def test_a_key_belongs_to_its_app(api, gray_jpeg):
    key = {"Idempotency-Key": str(uuid.uuid4())}

    def ask(app: str) -> requests.Response:
        headers = {"X-Firebase-AppCheck": api.keys.token(sub=app)} | key
        return api.post("/colorize", gray_jpeg, headers=headers)

    mine, theirs, again = ask("1:1:web:a"), ask("1:1:web:b"), ask("1:1:web:a")
    assert mine.json() == again.json() != theirs.json()


def test_a_service_that_could_not_do_it_does_it_when_asked_again(serve, gray_jpeg):
    service = serve(STORAGE_QUOTA=2**20)
    key = str(uuid.uuid4())
    full = service.storage / "results" / "full"
    full.parent.mkdir(exist_ok=True)
    full.write_bytes(bytes(2**20))
    wait_until(lambda: post(service.url, gray_jpeg, key).status_code == 503, 10)
    full.unlink()
    wait_until(lambda: post(service.url, gray_jpeg, key).status_code == 200, 30)
    assert REPLAYED in post(service.url, gray_jpeg, key).headers


def test_an_answer_outlives_the_process_and_a_key_in_work_does_not(tmp_path):
    answers, name = AnswersInFolder(tmp_path), name_of("app", "key")
    with answers.claim(name, "request", lambda: None) as claim:
        claim.keep(Answer(200, "{}", {}))
    with AnswersInFolder(tmp_path).claim(name, "request", lambda: None) as claim:
        assert claim.answer == Answer(200, "{}", {})

    died = name_of("app", "other")
    pid = os.fork()
    if not pid:
        held = answers.claim(died, "request", lambda: None)
        held.__enter__()
        os._exit(0)
    os.waitpid(pid, 0)
    assert answers.known(died)
    with answers.claim(died, "request", lambda: None) as claim:
        assert claim.answer is None


def test_who_waits_is_told_at_once_that_the_key_is_anothers_and_else_when_it_is_free(tmp_path):
    answers, name, waits = AnswersInFolder(tmp_path), name_of("app", "key"), []
    ended = threading.Event()

    def wait() -> None:
        waits.append(1)
        ended.set()

    def first() -> None:
        with answers.claim(name, "request", lambda: None):
            held.set()
            ended.wait(10)

    held = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    held.wait(10)
    with pytest.raises(OtherRequest), answers.claim(name, "another", wait):
        pass
    assert not waits
    with answers.claim(name, "request", wait) as claim:  # the first one gave up without an answer
        assert claim.answer is None and waits
    thread.join()
    assert not answers.known(name)


def test_answers_are_forgotten_after_a_day(tmp_path):
    answers, name = AnswersInFolder(tmp_path), name_of("app", "key")
    with answers.claim(name, "request", lambda: None) as claim:
        claim.keep(Answer(200, "{}", {}))
    (path,) = (each for each in tmp_path.rglob("*") if each.is_file())
    yesterday = time.time() - LIFETIME - 1
    os.utime(path, (yesterday, yesterday))
    assert not answers.known(name)
    with answers.claim(name, "another request", lambda: None) as claim:
        assert claim.answer is None
    path.write_text("outdated")
    os.utime(path, (yesterday, yesterday))
    neighbour = name[:2] + name_of("app", "neighbour")[2:]
    for _ in range(1000):
        with answers.claim(neighbour, "request", lambda: None):
            pass
        if not path.exists():
            return
    raise AssertionError("an old answer stays for ever")
