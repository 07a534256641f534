"""A turn: how long a photo may wait for the device."""

import math
import time
from collections.abc import Callable

#: Seconds between two checks whether to go on waiting.
LOOK_SECONDS = 0.25


class Busy(Exception):
    """The work cannot be done now.

    Attributes:
        retry_after: whole seconds until it probably can.
    """

    def __init__(self, sentence: str, retry_after: int):
        super().__init__(sentence)
        self.retry_after = retry_after


class Abandoned(Exception):
    """Whoever asked for the work is gone."""


class Turn:
    """Permission to wait until a deadline, as long as the client does not go away."""

    def __init__(
        self,
        abandoned: Callable[[], bool] = lambda: False,
        deadline: float = math.inf,
        too_late: Callable[[], Busy] = lambda: Busy("The photo waited too long.", 1),
    ):
        """
        Args:
            abandoned: tells whether the client is gone; called in any thread.
            deadline: a time of :func:`time.monotonic`.
            too_late: makes the error to raise once the deadline has passed.
        """
        self._abandoned, self.deadline, self._too_late = abandoned, deadline, too_late

    def check(self) -> None:
        """Check whether to go on waiting; called every :data:`LOOK_SECONDS`.

        Raises:
            Abandoned: if the client is gone.
            Busy: if the deadline has passed.
        """
        if self._abandoned():
            raise Abandoned
        if time.monotonic() >= self.deadline:
            raise self._too_late()


#: For work that nobody abandons and that has no deadline.
ANY_TIME = Turn()
