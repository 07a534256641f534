"""A turn: leave to work on one photo, and to wait for the device, as long as someone waits for the result."""

import math
import time
from collections.abc import Callable

#: Seconds between two looks of whoever waits, whether it is still worth while.
LOOK_SECONDS = 0.25


class Busy(Exception):
    """The work cannot be taken now. ``retry_after`` is a guess in whole seconds of when it could be."""

    def __init__(self, sentence: str, retry_after: int):
        super().__init__(sentence)
        self.retry_after = retry_after


class Abandoned(Exception):
    """Whoever asked for the work is gone."""


class Turn:
    """Leave to wait until ``deadline`` (of :func:`time.monotonic`), for a client that is still there."""

    def __init__(
        self,
        abandoned: Callable[[], bool] = lambda: False,
        deadline: float = math.inf,
        too_late: Callable[[], Busy] = lambda: Busy("The photo waited too long.", 1),
    ):
        """
        Args:
            abandoned: whether the client is gone; asked in any thread.
            too_late: what is to be said when the deadline has passed.
        """
        self._abandoned, self.deadline, self._too_late = abandoned, deadline, too_late

    def check(self) -> None:
        """To be called now and then while waiting.

        Raises:
            Abandoned: if the client is gone.
            Busy: if the deadline has passed.
        """
        if self._abandoned():
            raise Abandoned
        if time.monotonic() >= self.deadline:
            raise self._too_late()


#: For work that nobody can abandon and that has all the time.
ANY_TIME = Turn()
