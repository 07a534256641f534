"""The queue in front of work that is heavy: a few at a time, a bounded number waiting, first come first served."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from colorize_service.inference.turn import LOOK_SECONDS, Abandoned, Busy, Turn


class WorkQueue:
    """At most ``in_work`` turns at a time; at most ``waiting`` wait for one, each ``timeout`` seconds at most.

    ``changed(busy, line)`` is told how many turns are held and how many wait, whenever one of them changes.
    """

    def __init__(
        self, in_work: int, waiting: int, timeout: float, changed: Callable[[int, int], None] = lambda busy, line: None
    ):
        self._in_work, self._most_waiting, self._timeout = in_work, waiting, timeout
        self._changed = changed
        self._lock = threading.Lock()
        self._busy = 0
        self._line: deque[threading.Event] = deque()
        self._seconds_per_turn = 1.0  # a moving average

    @contextmanager
    def turn(self, abandoned: Callable[[], bool] = lambda: False) -> Iterator[Turn]:
        """Wait for a turn and hold it within the ``with`` block. Work that waits once more goes on looking at it.

        Args:
            abandoned: asked now and then while waiting, and once before the turn begins.

        Raises:
            Busy: at once if the line is full; later if the turn does not come in time.
            Abandoned: if ``abandoned()`` says so.
        """
        turn = Turn(abandoned, time.monotonic() + self._timeout, self._too_late)
        self._enter(turn)
        started = time.monotonic()
        try:
            if abandoned():
                raise Abandoned
            yield turn
            self._seconds_per_turn += 0.1 * (time.monotonic() - started - self._seconds_per_turn)
        finally:
            self._leave()

    @property
    def in_work(self) -> int:
        """How many turns there may be at a time."""
        return self._in_work

    @property
    def waiting(self) -> int:
        """How many wait for a turn now."""
        return len(self._line)

    @property
    def busy(self) -> int:
        """How many turns are held now."""
        return self._busy

    def check(self) -> None:
        """Raise :class:`Busy` if a photo that came now would find the line full."""
        with self._lock:
            if self._busy >= self._in_work and len(self._line) >= self._most_waiting:
                raise self._full()

    def widen(self, turns: int) -> None:
        """Have at least so many turns at a time from now on."""
        with self._lock:
            while self._in_work < turns:
                self._in_work += 1
                if self._line:
                    self._busy += 1
                    self._line.popleft().set()
            self._tell()

    def _enter(self, turn: Turn) -> None:
        with self._lock:
            if self._busy < self._in_work:
                self._busy += 1
                self._tell()
                return
            if len(self._line) >= self._most_waiting:
                raise self._full()
            my_turn = threading.Event()
            self._line.append(my_turn)
            self._tell()
        while not my_turn.wait(min(LOOK_SECONDS, max(0.0, turn.deadline - time.monotonic()))):
            try:
                turn.check()
            except (Abandoned, Busy):
                self._give_up(my_turn)
                raise

    def _give_up(self, my_turn: threading.Event) -> None:
        with self._lock:
            if not my_turn.is_set():
                self._line.remove(my_turn)
                self._tell()
                return
        self._leave()  # the turn came between the last look and now: pass it on

    def _leave(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()  # the turn passes over: as many are busy as before
            else:
                self._busy -= 1
            self._tell()

    def _tell(self) -> None:
        self._changed(self._busy, len(self._line))

    def _too_late(self) -> Busy:
        return self._busy_error("The photo waited too long for its turn; please try again later.")

    def _full(self) -> Busy:
        return self._busy_error("Too many photos are waiting; please try again later.")

    def _busy_error(self, sentence: str) -> Busy:
        seconds = self._seconds_per_turn * (len(self._line) + 1) / self._in_work
        return Busy(sentence, retry_after=min(120, max(1, math.ceil(seconds))))
