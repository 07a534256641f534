"""The queue: nobody is forgotten, nobody overtakes, and no more are in work than allowed."""

import contextlib
import threading
import time

import pytest

from colorize_service.server.queue import Abandoned, Busy, WorkQueue
from tests.support.service import wait_until


def start(call) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_never_more_in_work_than_allowed_and_everybody_gets_a_turn():
    queue, now, most, done = WorkQueue(3, 100, 10), [], [], []

    def client(number):
        with queue.turn():
            now.append(number)
            most.append(len(now))
            time.sleep(0.002)
            now.remove(number)
        done.append(number)

    threads = [start(lambda number=number: client(number)) for number in range(60)]
    for thread in threads:
        thread.join()
    assert max(most) == 3 and sorted(done) == list(range(60))


def test_first_come_first_served():
    queue, order = WorkQueue(1, 100, 10), []

    def client(number):
        with queue.turn():
            order.append(number)

    with queue.turn():
        threads = []
        for number in range(20):
            threads.append(start(lambda number=number: client(number)))
            wait_until(lambda number=number: queue.waiting == number + 1, 5)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_a_full_line_refuses_at_once_and_says_when_to_come_back():
    queue = WorkQueue(1, 0, 10)
    queue.check()
    with queue.turn():
        with pytest.raises(Busy) as refusal, queue.turn():
            pass
        with pytest.raises(Busy):
            queue.check()
    assert refusal.value.retry_after >= 1
    with queue.turn():
        pass


def test_who_waits_too_long_is_told_and_does_not_keep_a_place():
    queue = WorkQueue(1, 1, 0.05)
    with queue.turn():
        for _ in range(3):
            with pytest.raises(Busy, match="waited too long"), queue.turn():
                pass
    with queue.turn():
        pass


def test_who_has_gone_away_is_passed_over():
    queue = WorkQueue(1, 5, 10)
    with queue.turn(), pytest.raises(Abandoned), queue.turn(abandoned=lambda: True):
        pass
    with pytest.raises(Abandoned), queue.turn(abandoned=lambda: True):
        pass
    with queue.turn():
        pass


def test_work_that_fails_gives_its_turn_back():
    queue = WorkQueue(1, 0, 10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), queue.turn():
            raise ZeroDivisionError
    with queue.turn():
        pass


def test_turns_that_come_just_as_their_owner_gives_up_are_not_lost():
    queue = WorkQueue(1, 100, 0.001)

    def client():
        try:
            with queue.turn():
                time.sleep(0.0005)
        except Busy:
            pass

    threads = [start(client) for _ in range(80)]
    for thread in threads:
        thread.join()
    assert queue.busy == 0 and not queue.waiting


@pytest.mark.parametrize(
    ("in_work", "waiting", "seconds"), [(1, 0, 1), (1, 3, 4), (1, 9, 10), (4, 6, 2), (1, 200, 120)]
)
def test_who_is_refused_is_told_to_come_back_when_the_line_may_be_done(in_work, waiting, seconds):
    queue = WorkQueue(in_work, waiting, timeout=60)
    leave = threading.Event()

    def hold() -> None:
        with contextlib.suppress(Abandoned), queue.turn(leave.is_set):
            leave.wait(30)

    others = [threading.Thread(target=hold) for _ in range(in_work + waiting)]
    for other in others:
        other.start()
    wait_until(lambda: (queue.busy, queue.waiting) == (in_work, waiting), 10)
    with pytest.raises(Busy) as refusal:
        queue.check()
    leave.set()
    for other in others:
        other.join()
    assert refusal.value.retry_after == seconds


def test_who_is_refused_is_told_to_come_back_later_where_photos_take_long(monkeypatch):
    queue, now = WorkQueue(1, 0, timeout=60), [1000.0]
    monkeypatch.setattr("colorize_service.server.queue.time.monotonic", lambda: now[0])
    for _ in range(50):
        with queue.turn():
            now[0] += 30
    with queue.turn(), pytest.raises(Busy) as refusal:
        queue.check()
    assert refusal.value.retry_after == 30
