"""Photos that wait for the device: joined where they can be, each served once, none held up by who has gone."""

import subprocess
import sys
import threading
import time

import pytest

from colorize_service.inference.batching import Batcher
from colorize_service.inference.session import OutOfMemory
from colorize_service.server.queue import Abandoned, Busy, Turn
from tests.support.service import ROOT, wait_until


class Device:
    """Work that waits to be let go, and remembers what it was given."""

    def __init__(self):
        self.go, self.batches = threading.Event(), []

    def __call__(self, key, items):
        self.batches.append((key, list(items)))
        assert self.go.wait(10)
        return [f"{key}{item}" for item in items]


@pytest.fixture
def device():
    device = Device()
    yield device
    device.go.set()


def busy(device: Device, most: int = 4) -> Batcher:
    """A batcher whose device works on a first item."""
    batcher = Batcher(device, most)
    batcher.add("a", [0])
    wait_until(lambda: device.batches, 5)
    return batcher


def test_who_waits_is_joined_and_everybody_gets_his_own_result(device):
    batcher = busy(device)
    futures = batcher.add("a", range(1, 4)) + batcher.add("b", [4]) + batcher.add("a", range(5, 9))
    device.go.set()
    assert [future.result(5) for future in futures] == ["a1", "a2", "a3", "b4", "a5", "a6", "a7", "a8"]
    assert device.batches == [("a", [0]), ("a", [1, 2, 3, 5]), ("b", [4]), ("a", [6, 7]), ("a", [8])]


def test_nobody_waits_for_company(device):
    device.go.set()
    batcher = Batcher(device, 4)
    assert batcher.submit("a", 1, Turn()) == "a1"


def test_who_has_gone_leaves_the_line(device):
    batcher, gone = busy(device), threading.Event()
    gone.set()
    with pytest.raises(Abandoned):
        batcher.submit("a", 1, Turn(abandoned=gone.is_set))
    (future,) = batcher.add("a", [2])
    device.go.set()
    assert future.result(5) == "a2" and device.batches[1:] == [("a", [2])]


def test_who_waits_too_long_is_told_and_leaves_the_line(device):
    batcher = busy(device)
    with pytest.raises(Busy, match="too long"):
        batcher.submit("a", 1, Turn(deadline=time.monotonic() + 0.1))
    device.go.set()
    assert batcher.submit("a", 2, Turn()) == "a2"
    assert ("a", [1]) not in device.batches


def test_a_program_that_has_done_its_photos_ends():
    code = "from colorize_service.inference.batching import Batcher; Batcher(lambda key, items: items, 1)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=20)


def test_what_has_begun_is_waited_for(device):
    batcher = Batcher(device, 1)
    threading.Timer(0.6, device.go.set).start()
    assert batcher.submit("a", 1, Turn(deadline=time.monotonic() + 0.1)) == "a1"


def test_an_error_reaches_its_own_batch_and_the_device_goes_on():
    def work(key, items):
        if key == "bad":
            raise ValueError("no")
        return items

    batcher = Batcher(work, 4)
    bad = batcher.add("bad", [1, 2])
    assert batcher.submit("good", 3, Turn()) == 3
    for future in bad:
        with pytest.raises(ValueError, match="no"):
            future.result(5)


def test_a_device_short_of_memory_serves_all_whom_it_can_serve_one_by_one():
    def work(key, items):
        if len(items) > 1 or items[0] == "large":
            raise OutOfMemory("no room")
        return items

    batcher = Batcher(work, 8)
    futures = batcher.add("a", [*range(5), "large", 6, 7])
    assert [future.result(5) for future in futures[:5] + futures[6:]] == [0, 1, 2, 3, 4, 6, 7]
    with pytest.raises(Busy, match="memory"):
        futures[5].result(5)
    assert batcher.most == 1
