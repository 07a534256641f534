"""How a request waits for the outcome of its photo when what it hears is not all that has been said."""

import time

import pytest

from colorize_service.inference.turn import Busy
from colorize_service.server.fleet.board import Board
from colorize_service.server.fleet.messages import Outcome, Task
from colorize_service.server.fleet.waiting import Waiting
from colorize_service.server.settings import Settings
from tests.support.http import NO_SUCH_ID as ID


@pytest.fixture
def finished(redis, monkeypatch, tmp_path):
    """A wait for a photo that is done, whose reply was lost on its way with the connection that it came by."""
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    monkeypatch.setenv("QUEUE_TIMEOUT", "30")
    board = Board(redis.url)
    board.admit(ID, 1)
    board.claim(ID, "worker", 3)
    board.finish(ID, Outcome("done"))
    with redis.client() as client:
        assert client.lpop(f"colorize:reply:{ID}")
    yield Waiting(board, Settings.load(app_check=False), Task(ID, {}, "request"), lambda reason: None)
    with redis.client() as client:
        client.flushdb()


def test_a_result_whose_reply_was_lost_is_found_in_the_store(finished):
    began = time.monotonic()
    assert finished.wait(lambda: False, lambda photo_id: photo_id == ID) == Outcome("done")
    assert time.monotonic() - began < 15
    assert not finished.answered


def test_a_reply_that_was_lost_without_a_result_is_not_waited_for(finished):
    began = time.monotonic()
    with pytest.raises(Busy):
        finished.wait(lambda: False, lambda photo_id: False)
    assert time.monotonic() - began < 15
