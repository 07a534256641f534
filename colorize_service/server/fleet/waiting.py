"""How an API process waits for the outcome of a photo."""

import contextlib
import logging
import time
from collections.abc import Callable

from colorize_service.inference.turn import Abandoned, Busy
from colorize_service.server.fleet.board import LEASE_SECONDS, MESSAGE_SECONDS, Board, BoardError, Progress
from colorize_service.server.fleet.line import QUEUE
from colorize_service.server.fleet.messages import NotOurs, Outcome, Task
from colorize_service.server.fleet.outcomes import FAILED, worn
from colorize_service.server.settings import Settings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class Waiting:
    """The wait for the outcome of one photo.

    Attributes:
        answered: whether a worker has told it; that worker leaves nothing of the photo on the board and in the inbox.
    """

    def __init__(self, board: Board, settings: Settings, task: Task, send: Callable[[str], None]):
        """
        Args:
            send: puts the photo into the line once more, for a reason: ``dead`` or ``forgotten``, as in
                :class:`Progress`, or ``lost``, where only its message is missing. Raises Busy if it cannot.
        """
        self._board, self._settings, self._task, self._send = board, settings, task, send
        self._turn_until = time.monotonic() + settings.queue_timeout
        self._until = self._turn_until + settings.work_timeout
        self._steady_since = time.monotonic() - LEASE_SECONDS
        self._look_for_message_at = time.monotonic() + MESSAGE_SECONDS
        self.answered = False
        self._owed: str | None = None  # why the photo has to be sent again

    def wait(self, abandoned: Callable[[], bool], is_stored: Callable[[str], bool]) -> Outcome:
        """The outcome.

        A broker that goes and comes back within the deadline is only waited for.

        Args:
            is_stored: whether the result of this id is in the store.

        Raises:
            Abandoned: if the client goes away.
            Busy: if its turn, or its end, does not come in time, or its outcome was lost.
        """
        began = finished = False
        while True:
            try:
                outcome = self._board.wait(self._task.id, _LOOK_SECONDS)
                if outcome is not None:
                    self.answered = True
                    return outcome
                progress = self._board.renew(self._task.id, time.monotonic() - self._steady_since > LEASE_SECONDS)
                if progress.state == "dead" and progress.attempts >= self._settings.max_attempts:
                    return worn(progress.attempts)
                began = progress.state == "begun"
                if progress.state == "finished" and finished:
                    return self._unheard(is_stored)
                finished = progress.state == "finished"
                self._send_again("lost" if self._is_lost(progress) else progress.state)
            except (BoardError, OSError):
                self._steady_since = time.monotonic()
                time.sleep(_LOOK_SECONDS / 4)
            except NotOurs:
                log.error("A reply on the broker is none of ours.")
                return Outcome("failed", FAILED)
            if abandoned():
                raise Abandoned
            if time.monotonic() >= (self._until if began else self._turn_until):
                if is_stored(self._task.id):
                    return Outcome("done")
                raise self._too_late(began)

    def _unheard(self, is_stored: Callable[[str], bool]) -> Outcome:
        """The outcome of a photo whose reply was lost, with the connection that it came by."""
        if is_stored(self._task.id):
            return Outcome("done")
        raise Busy("What became of the photo was lost on its way; please try again.", 1)

    def _is_lost(self, progress: Progress) -> bool:
        """Whether the photo waits, but no message in the line is its own.

        Redis hands a message over by ``BRPOP``; one on its way to a worker whose connection breaks is nowhere. RabbitMQ
        keeps it.
        """
        now = time.monotonic()
        if (
            progress.state != "queued"
            or now < self._look_for_message_at
            or self._settings.replies != self._settings.broker
        ):
            return False
        self._look_for_message_at = now + MESSAGE_SECONDS
        return self._board.messages(QUEUE) == 0

    def _send_again(self, state: str) -> None:
        if state in _WHY:
            log.warning("Photo %s is sent again: its %s.", self._task.id, _WHY[state])
            self._owed = state
        if self._owed and state != "finished":
            with contextlib.suppress(Busy):
                self._send(self._owed)
                self._owed = None

    def _too_late(self, began: bool) -> Busy:
        what = "took too long" if began else "waited too long for its turn"
        return Busy(f"The photo {what}; please try again later.", 10)


_WHY = {"dead": "worker is gone", "forgotten": "place in the line was lost", "lost": "message was lost"}
