"""The engine of an API process in a fleet: photos go into the line, and workers elsewhere colorize them."""

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator

from flask import g

from colorize_service.imaging import Photo
from colorize_service.inference.model import check_taken
from colorize_service.inference.turn import Abandoned, Busy
from colorize_service.options import Options
from colorize_service.server.engines.protocol import Description, Problem
from colorize_service.server.fleet import messages
from colorize_service.server.fleet.board import LEASE_SECONDS, Board, BoardError, Progress
from colorize_service.server.fleet.line import Line, LineError, celery_app
from colorize_service.server.fleet.messages import NotOurs, Outcome, Task
from colorize_service.server.fleet.outcomes import FAILED, error_of, worn
from colorize_service.server.fleet.pulse import BrokerPing, Pulse
from colorize_service.server.logs import note
from colorize_service.server.metrics import Metrics
from colorize_service.server.settings import Settings
from colorize_service.server.storage.folder import Storage

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_BROKER_RETRY_AFTER = 5


class FleetEngine:
    """See :class:`~colorize_service.server.engines.protocol.Engine`. A process that has it loads no model."""

    def __init__(self, settings: Settings, storage: Storage, metrics: Metrics):
        self._settings, self._storage, self._metrics = settings, storage, metrics
        app = celery_app(settings)
        self._board, self._line = Board(settings.replies), Line(app)
        broker = None if settings.replies == settings.broker else BrokerPing(app)
        self._pulse = Pulse(self._board, storage, broker, self._seen)
        self._started_in: int | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """See :class:`Engine`."""
        with self._lock:
            if self._started_in != os.getpid():
                self._started_in = os.getpid()
                self._pulse.start()

    @property
    def problem(self) -> Problem | None:
        """See :class:`Engine`."""
        return self._pulse.problem

    def describe(self) -> Description:
        """The model of the workers; while they differ, that of the earliest version: what it takes, all take."""
        if problem := self.problem:
            raise problem.error()
        return min(self._pulse.workers, key=lambda model: (_version(model.version), model.name))

    def check_taken(self, options: Iterable[str]) -> None:
        """See :class:`Engine`."""
        check_taken(self.describe(), options)

    def check_queue(self) -> None:
        """See :class:`Engine`."""
        if problem := self.problem:
            raise problem.error()
        if self._pulse.waiting >= self._settings.max_queued:
            raise self._full()

    def colorize(
        self, photo: Photo, options: Options, abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> str:
        """See :class:`Engine`."""
        photo_id = str(uuid.uuid4())
        task = messages.task(photo_id, options, g.request_id, upload_id)
        note(photo=photo_id)
        started = time.monotonic()
        with self._in_line(task):
            self._send(task, photo)
            waiting = _Waiting(self._board, self._settings, task, lambda: self._send(task, photo))
            outcome = waiting.wait(abandoned, self._is_stored)
        if outcome.kind != "done":
            raise error_of(outcome)
        times = outcome.times(time.monotonic() - started)
        self._metrics.queue_seconds.observe(times.queue)
        self._metrics.engine_seconds.observe(times.engine)
        note(**times.notes())
        return photo_id

    @contextlib.contextmanager
    def _in_line(self, task: Task) -> Iterator[None]:
        """Within the ``with`` block somebody waits for the photo; after it nothing is left of it but its result."""
        try:
            if not self._board.admit(task.id, self._settings.max_queued):
                raise self._full()
        except BoardError as error:
            raise _unreachable(error) from error
        try:
            yield
        finally:
            with contextlib.suppress(BoardError):  # it lapses by itself
                self._board.withdraw(task.id)
            if task.upload is None:
                forget(self._storage, task.id)

    def _send(self, task: Task, photo: Photo) -> None:
        if task.upload is None:
            self._storage.put_all({"inbox": photo.data}, file_id=task.id)
        try:
            self._line.send(task, self._settings.queue_timeout + self._settings.work_timeout)
        except LineError as error:
            raise _unreachable(error) from error

    def _is_stored(self, photo_id: str) -> bool:
        return self._storage.get("results", photo_id) is not None

    def _seen(self, pulse: Pulse) -> None:
        self._metrics.model_loaded.set(pulse.problem is None)

    def _full(self) -> Busy:
        seconds = self._pulse.waiting / max(1, len(self._pulse.workers))
        return Busy("Too many photos are waiting; please try again later.", int(min(120, max(1, seconds))))


class _Waiting:
    """The wait for the outcome of one photo."""

    def __init__(self, board: Board, settings: Settings, task: Task, send: Callable[[], None]):
        """
        Args:
            send: puts the photo into the store and the line once more; raises Busy if it cannot.
        """
        self._board, self._settings, self._task, self._send = board, settings, task, send
        self._turn_until = time.monotonic() + settings.queue_timeout
        self._until = self._turn_until + settings.work_timeout
        self._steady_since = time.monotonic() - LEASE_SECONDS
        self._owed = False  # the photo has to be sent again

    def wait(self, abandoned: Callable[[], bool], is_stored: Callable[[str], bool]) -> Outcome:
        """The outcome.

        A broker that goes and comes back within the deadline is only waited for.

        Args:
            is_stored: whether the result of this id is in the store.

        Raises:
            Abandoned: if the client goes away.
            Busy: if its turn, or its end, does not come in time.
        """
        began = False
        while True:
            try:
                outcome = self._board.wait(self._task.id, _LOOK_SECONDS)
                if outcome is not None:
                    return outcome
                progress = self._board.renew(self._task.id, time.monotonic() - self._steady_since > LEASE_SECONDS)
                if progress.state == "dead" and progress.attempts >= self._settings.max_attempts:
                    return worn(progress.attempts)
                began = progress.state == "begun"
                self._send_again(progress)
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

    def _send_again(self, progress: Progress) -> None:
        if progress.state in _WHY:
            log.warning("Photo %s is sent again: its %s.", self._task.id, _WHY[progress.state])
            self._owed = True
        if self._owed and progress.state != "finished":
            with contextlib.suppress(Busy):
                self._send()
                self._owed = False

    def _too_late(self, began: bool) -> Busy:
        what = "took too long" if began else "waited too long for its turn"
        return Busy(f"The photo {what}; please try again later.", 10)


_WHY = {"dead": "worker is gone", "forgotten": "place in the line was lost"}


def _version(text: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in text.split("."))


def forget(storage: Storage, photo_id: str) -> None:
    """Remove a photo from the inbox, if it is there and the store can be reached."""
    try:
        storage.delete("inbox", photo_id)
    except Exception as error:  # of whichever store
        log.warning("Photo %s stays in the inbox: %s", photo_id, error)


def _unreachable(error: Exception) -> Busy:
    log.warning("The broker cannot be reached: %s", type(error).__name__)
    return Busy("The line of photos cannot be reached; please try again later.", _BROKER_RETRY_AFTER)
