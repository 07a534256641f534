"""One fleet for all tests that do not need settings of their own: its parts are killed, and started again."""

import contextlib

import pytest

from tests.support import clocks, odd_worker
from tests.support.brokers import PASSWORD, RedisServer
from tests.support.buckets import SECRET, JuiceFS
from tests.support.fleet import redis_fleet
from tests.support.odd_fleet import ODD, Running
from tests.support.service import wait_until


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """A Redis without a fleet, for tests of single parts."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def odd_fleet(tmp_path_factory, keys, every_answer_is_as_documented):
    """API processes and workers on two machines, whose clocks are 30 s apart, with a bucket."""
    folder = tmp_path_factory.mktemp("fleet")
    seen = folder / "seen"
    seen.touch()
    settings = {"MAX_IN_WORK": 1, "MAX_QUEUED": 3, "MAX_ATTEMPTS": 2, "QUEUE_TIMEOUT": 30, odd_worker.SEEN: seen}
    with contextlib.ExitStack() as stack:
        bucket = stack.enter_context(JuiceFS(folder / "juicefs"))
        odd_machine = clocks.ahead(folder, 30)
        broker, fleet = redis_fleet(stack, folder, worker=ODD, bucket=bucket, odd_machine=odd_machine, **settings)
        yield Running(fleet, broker, seen)
    assert PASSWORD not in fleet.log() and SECRET not in fleet.log()


@pytest.fixture
def running(odd_fleet):
    """That fleet with all its parts there, and nothing in work or left behind at the end."""
    for each in (*odd_fleet.fleet.workers, *odd_fleet.fleet.services):
        if each.process.poll() is not None:
            each.start(False)
    wait_until(odd_fleet.is_well, 60, odd_fleet.fleet.log)
    odd_fleet.hold()
    yield odd_fleet
    odd_fleet.release()
    wait_until(lambda: not odd_fleet.fleet.inbox, 10, lambda: f"left in the inbox: {odd_fleet.fleet.inbox}")
    wait_until(lambda: not odd_fleet.board.keys("colorize:wanted:*"), 10)
    assert not odd_fleet.waiting()
