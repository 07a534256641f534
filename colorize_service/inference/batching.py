"""Batches: photos that wait for the device are processed together as soon as it is free."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from colorize_service.inference.session import OutOfMemory
from colorize_service.inference.turn import LOOK_SECONDS, Abandoned, Busy, Turn

log = logging.getLogger(__name__)

#: Seconds after which a client may try again when the device had no memory for its photo.
MEMORY_RETRY_AFTER = 30

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Job(Generic[Key, Item, Answer]):
    key: Key
    item: Item
    future: Future[Answer] = field(default_factory=Future)


class Batcher(Generic[Key, Item, Answer]):
    """One thread, the device's, and the items that wait for it.

    An item that arrives while the device is free is processed at once. When the device becomes free, the first item
    that waits and others of the same key become one batch of 1, 2, 4, … up to ``most``: few sizes, because the device
    has to prepare once for each size.
    """

    def __init__(self, work: Callable[[Key, list[Item]], Iterable[Answer]], most: int):
        """
        Args:
            work: takes a key and its items and returns a result for each, in order. It is called in one thread only,
                and raises :class:`OutOfMemory` if the device has no room for so many items.
            most: items of a batch at most. It falls when the device runs out of memory.
        """
        self._work, self.most = work, most
        self._line: deque[_Job[Key, Item, Answer]] = deque()
        self._arrival = threading.Condition()
        threading.Thread(target=self._run, name="device", daemon=True).start()

    def submit(self, key: Key, item: Item, turn: Turn) -> Answer:
        """Wait for the result of an item. Only items of the same key share a batch.

        Raises:
            Abandoned, Busy: if the turn ends before the work begins.
            Busy: if the device has no room even for this item alone.
        """
        (future,) = self.add(key, [item])
        while not wait([future], LOOK_SECONDS).done:
            try:
                turn.check()
            except (Abandoned, Busy):
                if future.cancel():
                    raise
        return future.result()

    def add(self, key: Key, items: Sequence[Item]) -> list[Future[Answer]]:
        """Let items wait for the device, next to each other."""
        jobs: list[_Job[Key, Item, Answer]] = [_Job(key, item) for item in items]
        with self._arrival:
            self._line.extend(jobs)
            self._arrival.notify()
        return [job.future for job in jobs]

    def _run(self) -> None:
        while True:
            self._finish(self._next())

    def _next(self) -> list[_Job[Key, Item, Answer]]:
        with self._arrival:
            self._arrival.wait_for(lambda: bool(self._line))
            key = self._line[0].key
            together = [job for job in self._line if job.key == key and not job.future.cancelled()][: self.most]
            batch = together[: 1 << len(together).bit_length() >> 1]
            self._line = deque(job for job in self._line if job not in batch and not job.future.cancelled())
        return [job for job in batch if job.future.set_running_or_notify_cancel()]

    def _finish(self, batch: list[_Job[Key, Item, Answer]]) -> None:
        if not batch:
            return
        try:
            results = self._work(batch[0].key, [job.item for job in batch])
        except OutOfMemory as error:
            self._finish_in_halves(batch, error)
        except Exception as error:
            for job in batch:
                job.future.set_exception(error)
        else:
            for job, result in zip(batch, results, strict=True):
                job.future.set_result(result)

    def _finish_in_halves(self, batch: list[_Job[Key, Item, Answer]], error: OutOfMemory) -> None:
        if len(batch) == 1:
            log.error("The device has no memory for a photo: %s", error)
            batch[0].future.set_exception(
                Busy("The device has no memory left for this photo; please try again later.", MEMORY_RETRY_AFTER)
            )
            return
        self.most = min(self.most, len(batch) // 2)
        log.warning(
            "The device has no memory for %d photos at once; from now on it gets %d at most: %s",
            len(batch),
            self.most,
            error,
        )
        for half in (batch[: self.most], batch[self.most :]):
            self._finish(half)
