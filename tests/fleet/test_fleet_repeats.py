"""Repeated requests and rates hold for all replicas of a fleet, which share a broker and no memory."""

import contextlib
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from colorize_service.inference.turn import Busy
from colorize_service.server.answers import LIFETIME, Answer, OtherRequest, name_of
from colorize_service.server.fleet import answers as fleet_answers
from colorize_service.server.fleet.answers import AnswersOnBoard
from tests.support.brokers import RedisServer
from tests.support.fleet import redis_fleet
from tests.support.http import assert_error
from tests.support.service import wait_until

REPLAYED = "Idempotent-Replayed"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, keys, every_answer_is_as_documented):
    folder = tmp_path_factory.mktemp("repeats")
    with contextlib.ExitStack() as stack:
        broker, fleet = redis_fleet(stack, folder, workers=1, RATE_LIMIT="12/minute")
        yield broker, [service.url for service in fleet.services]


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("board")) as server:
        yield server


def post(url: str, photo: bytes, key: str = "", **fields: str) -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return requests.post(f"{url}/colorize", files={"file": photo}, data=fields, headers=headers, timeout=60)


def test_a_key_and_a_rate_hold_at_every_replica(fleet, gray_jpeg):
    broker, urls = fleet
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda at: post(urls[at % 2], gray_jpeg, key), range(6)))
    bodies = [{name: value for name, value in each.json().items() if "url" not in name} for each in answers]
    assert bodies == bodies[:1] * 6
    assert [REPLAYED in each.headers for each in answers].count(True) == 5
    assert_error(post(urls[1], gray_jpeg, key, saturation="0.3"), 422)
    statuses = [post(urls[at % 2], gray_jpeg).status_code for at in range(6)]
    assert statuses == [200] * 5 + [429]
    with broker.client() as redis:
        redis.delete(*redis.scan_iter("LIMITS*"))


def test_without_the_broker_a_client_with_a_key_is_told_to_come_again(fleet, gray_jpeg):
    broker, urls = fleet
    broker.stop()
    try:
        response = post(urls[0], gray_jpeg, str(uuid.uuid4()))
        assert_error(response, 503)
        assert int(response.headers["Retry-After"]) > 0
    finally:
        broker.start()
    wait_until(lambda: post(urls[0], gray_jpeg, str(uuid.uuid4())).status_code == 200, 60)


def test_an_answer_is_kept_for_a_day_and_a_refusal_is_not(board):
    one, other, name = AnswersOnBoard(board.url), AnswersOnBoard(board.url), name_of("app", "kept")
    assert not one.known(name)
    with one.claim(name, "request", lambda: None) as claim:
        assert claim.answer is None and other.known(name)
    assert not one.known(name)
    with one.claim(name, "request", lambda: None) as claim:
        claim.keep(Answer(200, '{"ü": 1}', {"Location": "there"}))
    with other.claim(name, "request", lambda: None) as claim:
        assert claim.answer == Answer(200, '{"ü": 1}', {"Location": "there"})
    with pytest.raises(OtherRequest), other.claim(name, "another", lambda: None):
        pass
    with board.client() as redis:
        (key,) = redis.scan_iter(f"*{name}")
        assert LIFETIME - 60 < redis.ttl(key) <= LIFETIME


def test_a_key_is_held_as_long_as_its_process_lives_and_no_longer(board, monkeypatch):
    monkeypatch.setattr(fleet_answers, "LEASE_SECONDS", 1)
    monkeypatch.setattr(fleet_answers, "RENEW_SECONDS", 0.2)
    name, taken = name_of("app", "held"), threading.Event()

    def second() -> None:
        with AnswersOnBoard(board.url).claim(name, "request", lambda: None) as claim:
            assert claim.answer is None
            taken.set()

    waiting = threading.Thread(target=second)
    with AnswersOnBoard(board.url).claim(name, "request", lambda: None):
        waiting.start()
        time.sleep(1.6)
        assert not taken.is_set(), "its lease is renewed"
    waiting.join(10)
    assert taken.is_set()

    died = name_of("app", "died")
    pid = os.fork()
    if not pid:
        held = AnswersOnBoard(board.url).claim(died, "request", lambda: None)
        held.__enter__()
        os._exit(0)
    os.waitpid(pid, 0)
    answers = AnswersOnBoard(board.url)
    assert answers.known(died)
    with answers.claim(died, "request", lambda: None) as claim:
        assert claim.answer is None


def test_a_board_that_is_away_is_said(tmp_path):
    answers = AnswersOnBoard("redis://127.0.0.1:1")
    with pytest.raises(Busy):
        answers.known("name")
    with pytest.raises(Busy), answers.claim("name", "request", lambda: None):
        pass
