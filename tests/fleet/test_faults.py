"""What a client and an operator lose when a part of a fleet dies: real processes, killed while photos are in work."""

import base64
import contextlib
import json
import os
import pickle
import signal
import socket
import threading
import time
import uuid
from datetime import datetime

import pytest
import requests

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Setup, load_folder
from colorize_service.server.fleet.board import LEASE_SECONDS
from tests.support import odd_worker
from tests.support.brokers import PASSWORD, RabbitServer, RedisServer
from tests.support.fleet import Fleet
from tests.support.http import assert_error
from tests.support.odd_fleet import ODD, Running, gray
from tests.support.odd_worker import DEADLY, SLOW
from tests.support.service import wait_until


class Call(threading.Thread):
    """A client's call in a thread: ``answer`` is None until it has one, ``seconds`` how long that took."""

    def __init__(self, url: str, photo: bytes, **headers: str):
        super().__init__(daemon=True)
        self._url, self._photo, self._headers = url, photo, headers
        self.answer: requests.Response | None = None
        self.start()

    def run(self) -> None:
        started = time.monotonic()
        with contextlib.suppress(requests.RequestException):
            files = {"file": self._photo}
            self.answer = requests.post(f"{self._url}/colorize", files=files, headers=self._headers, timeout=60)
        self.seconds = time.monotonic() - started

    def result(self) -> requests.Response:
        self.join(60)
        assert self.answer is not None, "there was no answer"
        return self.answer


def test_a_fleet_answers_with_the_very_bytes_of_one_process(running, gray_jpeg):
    model = load_folder(EMBEDDED_BUNDLE, Setup("cpu", 1))
    colorizer = Colorizer(model, max_pixels=10**6)
    answer = Call(running.urls[0], gray_jpeg).result().json()
    content = requests.get(answer["download_url"], timeout=30).content
    assert content == colorizer.colorize(colorizer.open(gray_jpeg)).file
    other_replica = f"{running.urls[1]}/results/{answer['filename']}"
    assert requests.get(other_replica, timeout=30).content == content


def test_a_photo_can_be_followed_from_the_request_to_the_workers_log(running, gray_jpeg):
    assert Call(running.urls[0], gray_jpeg, **{"X-Request-ID": "follow-me"}).result().status_code == 200
    wait_until(lambda: running.fleet.log().count('"follow-me"') == 2, 10, running.fleet.log)
    lines = [json.loads(line) for line in running.fleet.log().splitlines() if '"follow-me"' in line]
    request, work = sorted(lines, key=lambda line: line["logger"])
    assert request["logger"] == "colorize.request" and work["logger"] == "colorize.worker"
    assert request["photo"] == work["photo"] and (work["outcome"], work["attempts"]) == ("done", 1)
    assert request["engine_ms"] == work["engine_ms"] > 0 and request["queue_ms"] >= 0


def test_what_is_wrong_with_a_photo_is_said_as_by_one_process(running, gray_jpeg):
    half = Call(running.urls[0], gray_jpeg[: len(gray_jpeg) // 2]).result()
    assert "cut off" in assert_error(half, 400) or "damaged" in half.json()["detail"]


def test_a_photo_whose_worker_is_killed_is_done_by_another(running):
    before = running.results()
    call = Call(running.urls[0], gray(SLOW))
    running.worker(running.wait_for_work()).kill()
    running.release()
    assert call.result().status_code == 200, call.answer.text
    assert call.seconds < 15
    assert running.results() == before + 1


def test_a_photo_whose_worker_hangs_is_done_by_another_and_stored_once(running):
    before = running.results()
    call = Call(running.urls[0], gray(SLOW))
    pid = running.wait_for_work()
    os.kill(pid, signal.SIGSTOP)
    running.release()
    assert call.result().status_code == 200, call.answer.text
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.5)  # in which it comes to its own end with the photo
    assert running.results() == before + 1


def test_a_worker_that_is_stopped_finishes_its_photo(running):
    before = running.seen(SLOW)
    call = Call(running.urls[0], gray(SLOW))
    worker = running.worker(running.wait_for_work())
    worker.process.terminate()
    time.sleep(0.3)
    assert not worker.is_dead
    running.release()
    assert worker.process.wait(60) == 0
    assert call.result().status_code == 200 and call.seconds < LEASE_SECONDS, "no other worker had to do it"
    assert running.seen(SLOW) == before + 1


def test_nobody_is_refused_for_a_line_that_was_full_a_moment_ago(running, gray_jpeg):
    workers = [worker.pid for worker in running.fleet.workers]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    calls = [Call(running.urls[0], gray(SLOW)) for _ in range(3)]  # as many as the line holds
    wait_until(lambda: running.waiting() == 3, 5)
    time.sleep(1.1)  # in which the API process has seen it
    assert_error(Call(running.urls[0], gray_jpeg).result(), 503)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    running.wait_for_work(2)
    calls.append(Call(running.urls[0], gray_jpeg))
    wait_until(lambda: running.waiting() == 2, 5)
    running.release()
    assert [call.result().status_code for call in calls] == [200] * 4


def test_nothing_is_left_of_the_photos_of_a_replica_that_is_killed(running, gray_jpeg):
    calls = [Call(running.urls[0], gray(SLOW)) for _ in range(3)]  # two in work, one in the line
    running.wait_for_work(2)
    running.fleet.services[0].kill()
    running.release()
    answer = Call(running.urls[1], gray_jpeg).result()
    assert answer.status_code == 200, answer.text
    for call in calls:
        call.join(10)
        assert call.answer is None


def test_clients_wait_while_the_broker_is_restarted(running, gray_jpeg):
    calls = [Call(url, gray(SLOW)) for url in running.urls]
    running.wait_for_work(2)
    calls += [Call(url, gray(SLOW)) for url in running.urls]
    wait_until(lambda: running.waiting() == 2, 10)
    running.broker.stop()
    running.release()
    time.sleep(5)
    refused = Call(running.urls[0], gray_jpeg).result()
    assert_error(refused, 503)
    assert refused.headers["Retry-After"]
    assert refused.elapsed.total_seconds() < 3, "nobody is there to wait for"
    assert requests.get(f"{running.urls[0]}/live", timeout=30).status_code == 200
    assert requests.get(f"{running.urls[0]}/health", timeout=30).status_code == 503
    running.broker.start()
    for call in calls:
        assert call.result().status_code == 200, call.answer.text


def test_where_the_store_is_away_clients_are_told_to_come_again(running, gray_jpeg):
    running.fleet.bucket.kill()
    try:
        refused = Call(running.urls[0], gray_jpeg).result()
        assert_error(refused, 503)
        assert refused.headers["Retry-After"]
        wait_until(lambda: requests.get(f"{running.urls[0]}/health", timeout=30).status_code == 503, 10)
        assert requests.get(f"{running.urls[0]}/live", timeout=30).status_code == 200
    finally:
        running.fleet.bucket.start()
    wait_until(lambda: requests.get(f"{running.urls[0]}/health", timeout=30).status_code == 200, 10)
    assert Call(running.urls[0], gray_jpeg).result().status_code == 200


def test_a_result_is_stored_although_the_store_was_away_for_a_moment(running):
    before = running.seen(SLOW)
    call = Call(running.urls[0], gray(SLOW))
    running.wait_for_work()
    wait_until(lambda: running.seen(SLOW) > before, 10)  # it has been read
    running.fleet.bucket.kill()
    running.release()
    time.sleep(1)  # in which it could have been stored
    running.fleet.bucket.start()
    answer = call.result()
    assert answer.status_code == 200, answer.text
    assert requests.get(answer.json()["download_url"], timeout=30).status_code == 200
    assert running.seen(SLOW) == before + 1


def test_a_photo_that_the_broker_delivers_again_is_worked_on_once(running):
    before, results = running.seen(SLOW), running.results()
    call = Call(running.urls[0], gray(SLOW))
    running.wait_for_work()
    (photo_id,) = running.in_work()
    unacknowledged = [json.loads(each)[0] for each in running.board.hvals("unacked")]
    (message,) = [each for each in unacknowledged if each["headers"]["id"] == photo_id]
    for _ in range(2):
        running.board.rpush("colorize", json.dumps(message))
    time.sleep(1.5)  # in which the other worker is offered it
    running.release()
    assert call.result().status_code == 200, call.answer.text
    wait_until(lambda: not running.board.llen("colorize") and not running.holders(), 10)
    assert (running.seen(SLOW), running.results()) == (before + 1, results + 1)


def test_a_photo_whose_message_is_lost_on_its_way_is_sent_again(running):
    """As one is that Redis hands to a worker at the moment when its connection breaks."""
    before = running.seen(SLOW)
    calls = [Call(url, gray(SLOW)) for url in running.urls]
    running.wait_for_work(2)
    calls.append(Call(running.urls[0], gray(SLOW)))
    wait_until(lambda: running.board.llen("colorize") == 1, 10)
    running.board.lpop("colorize")
    running.release()
    assert [call.result().status_code for call in calls] == [200] * 3
    assert calls[-1].seconds < 15
    assert running.seen(SLOW) == before + 3


def test_clocks_that_are_apart_change_nothing_for_clients(running, gray_jpeg):
    for url, machine in zip(running.urls, (0, 30), strict=True):
        request_id = uuid.uuid4().hex
        assert Call(url, gray_jpeg, **{"X-Request-ID": request_id}).result().status_code == 200
        (line,) = [
            json.loads(each) for each in running.fleet.log().splitlines() if request_id in each and "POST" in each
        ]
        told = datetime.fromisoformat(line["time"]).timestamp()
        assert abs(told - time.time() - machine) < 15
        assert 0 <= line["queue_ms"] < 20_000


def test_a_machine_that_is_restarted_loses_nobodys_photo(running):
    before = running.seen(SLOW)
    calls = [Call(url, gray(SLOW)) for url in running.urls]
    running.wait_for_work(2)
    calls += [Call(url, gray(SLOW)) for url in running.urls]
    wait_until(lambda: running.waiting() == 2, 10)
    api, worker = running.fleet.services[0], running.fleet.workers[0]
    api.process.terminate()
    worker.process.terminate()
    time.sleep(0.3)
    running.release()
    assert worker.process.wait(60) == api.process.wait(60) == 0
    assert [call.result().status_code for call in calls] == [200] * 4
    assert running.seen(SLOW) == before + 4


@pytest.mark.parametrize("sends", ["a photo", "the id of an upload"])
def test_a_client_that_goes_while_its_photo_is_in_the_line_costs_no_inference(running, sends):
    before, part = running.seen(SLOW), b'name="file"\r\n\r\n' + gray(SLOW)
    if sends != "a photo":
        uploaded = requests.post(f"{running.urls[0]}/upload", files={"file": gray(SLOW)}, timeout=30).json()
        part = b'name="image_id"\r\n\r\n' + uploaded["image_id"].encode()
    busy = [Call(url, gray(SLOW)) for url in running.urls]
    running.wait_for_work(2)
    body = b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n--x--\r\n"
    address = ("127.0.0.1", running.fleet.services[0].port)
    with socket.create_connection(address) as client:
        client.sendall(
            b"POST /colorize HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" % len(body) + body
        )
        wait_until(lambda: running.waiting() == 1, 10)
    wait_until(lambda: not running.waiting(), 10)
    running.release()
    assert [call.result().status_code for call in busy] == [200, 200]
    wait_until(lambda: not running.board.llen("colorize"), 10)
    time.sleep(0.5)
    assert running.seen(SLOW) == before + 2


def test_more_photos_than_may_wait_are_refused_by_whichever_replica(running):
    calls = [Call(url, gray(SLOW)) for url in running.urls]
    running.wait_for_work(2)
    calls += [Call(running.urls[number % 2], gray(SLOW)) for number in range(8)]
    wait_until(lambda: sum(call.answer is not None for call in calls) == 5, 20)
    running.release()
    answers = [call.result() for call in calls]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 5 + [503] * 5
    for answer in answers:
        if answer.status_code == 503:
            assert "Too many photos" in answer.json()["detail"] and int(answer.headers["Retry-After"]) >= 1


def forgeries() -> list[bytes | str]:
    """What a stranger who reaches the broker could put into the line."""
    photo_id = str(uuid.uuid4())
    task = {"id": photo_id, "options": {}, "request_id": "forged"}
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    headers = {"task": "colorize.photo", "id": photo_id, "lang": "py", "eta": None, "expires": None}
    body = json.dumps([[task], {}, nothing]).encode()

    class Evil:
        def __reduce__(self):
            return os.system, ("touch /tmp/colorize-was-here",)

    def message(content: bytes, head: object = headers, kind: str = "application/json", tag: object = "tag") -> str:
        properties = {"delivery_tag": tag, "body_encoding": "base64"}
        properties["delivery_info"] = {"exchange": "", "routing_key": "colorize"}
        text = base64.b64encode(content).decode()
        envelope = {"body": text, "headers": head, "content-type": kind, "content-encoding": "utf-8"}
        return json.dumps(envelope | {"properties": properties})

    return [
        *("garbage", b"\xff\xfe", "{}", "[]", "null", "[" * 300_000, '"' * 3),
        message(pickle.dumps(Evil()), kind="application/x-python-serialize"),
        message(body, kind="application/x-yaml"),
        *(message(content) for content in (b"", b"[", b"{}", b"[" * 90_000, b"[[], {}, {}]", b"x" * 10**6)),
        *(message(body, head) for head in (None, 5, {}, {"task": ["x"]}, headers | {"task": "celery.chord"})),
        *(message(body, headers | {name: "x"}) for name in ("id", "eta", "expires", "group", "timelimit")),
        message(body, headers | {"compression": "zlib"}),
        message(json.dumps([[task], {}, nothing | {"callbacks": [{"task": "x"}]}]).encode()),
        message(json.dumps([[task | {"id": "../x"}], {}, nothing]).encode(), headers | {"id": "../x"}),
        message(body, tag=None),
        message(body, tag=[]),
    ]


def test_messages_of_strangers_neither_run_nor_stop_a_worker(running, gray_jpeg):
    processes = [worker.pid for worker in running.fleet.workers]
    unacknowledged = running.board.hlen("unacked")  # of workers that were killed
    for forged in forgeries():
        running.board.lpush("colorize", forged)
    wait_until(lambda: not running.board.llen("colorize"), 10, running.fleet.log)
    for url in running.urls * 2:
        assert Call(url, gray_jpeg).result().status_code == 200
    assert not any(worker.is_dead for worker in running.fleet.workers)
    assert processes == [worker.pid for worker in running.fleet.workers]
    assert not os.path.exists("/tmp/colorize-was-here")
    # What is refused and not acknowledged would come back.
    wait_until(lambda: running.board.hlen("unacked") <= unacknowledged, 5)


def test_a_photo_that_kills_workers_ends_with_a_sentence(running, gray_jpeg):
    before = running.seen(DEADLY)
    answer = Call(running.urls[0], gray(DEADLY)).result()
    assert "2 times" in assert_error(answer, 500)
    assert running.seen(DEADLY) == before + 2
    assert all(worker.is_dead for worker in running.fleet.workers)
    wait_until(lambda: requests.get(f"{running.urls[0]}/health", timeout=30).status_code == 503, 20)
    refused = Call(running.urls[0], gray_jpeg).result()
    assert "No worker" in assert_error(refused, 503) and refused.headers["Retry-After"]
    assert requests.get(f"{running.urls[0]}/live", timeout=30).json() == {"status": "alive"}
    uploaded = requests.post(f"{running.urls[0]}/upload", files={"file": gray_jpeg}, timeout=30).json()
    assert requests.get(uploaded["image_url"], timeout=30).status_code == 200


def test_with_rabbitmq_a_photo_whose_worker_is_killed_is_done_by_another(tmp_path, keys, every_answer_is_as_documented):
    seen = tmp_path / "seen"
    (tmp_path / "redis").mkdir()
    (tmp_path / "rabbit").mkdir()
    with RabbitServer(tmp_path / "rabbit") as rabbit, RedisServer(tmp_path / "redis") as redis:
        settings = {"REPLY_URL": redis.url, "MAX_IN_WORK": 1, odd_worker.SEEN: seen}
        with Fleet(tmp_path, rabbit.url, ODD, replicas=1, **settings) as fleet:
            running = Running(fleet, redis, seen)
            call = Call(running.urls[0], gray(SLOW))
            running.worker(running.wait_for_work()).kill()
            running.release()
            assert call.result().status_code == 200, call.answer.text
            assert call.seconds < 15 and running.results() == 1 and not fleet.inbox
        assert "guest:guest" not in fleet.log() and PASSWORD not in fleet.log()
