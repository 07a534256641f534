"""The engine of an API process in a fleet: photos go into the line, and workers elsewhere colorize them."""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from flask import g

from colorize_service.imaging import Photo
from colorize_service.inference.model import check_suggests, check_taken
from colorize_service.inference.turn import Busy
from colorize_service.likely import LikelyColour
from colorize_service.options import Options
from colorize_service.server.engines.protocol import Description, Problem
from colorize_service.server.fleet import messages
from colorize_service.server.fleet.answers import AnswersOnBoard
from colorize_service.server.fleet.board import Board, BoardError
from colorize_service.server.fleet.figures import LineFigures
from colorize_service.server.fleet.jobs import FleetJobs
from colorize_service.server.fleet.line import Line, LineError, celery_app
from colorize_service.server.fleet.messages import Outcome, Task
from colorize_service.server.fleet.outcomes import error_of, unreachable
from colorize_service.server.fleet.pulse import BrokerPing, Pulse
from colorize_service.server.fleet.store import Store
from colorize_service.server.fleet.waiting import Waiting
from colorize_service.server.logs import note
from colorize_service.server.metrics import Metrics
from colorize_service.server.settings import Settings
from colorize_service.server.storage.store import Storage


class FleetEngine:
    """See :class:`~colorize_service.server.engines.protocol.Engine`. A process that has it loads no model."""

    def __init__(self, settings: Settings, storage: Storage, metrics: Metrics):
        self._settings, self._metrics, self._figures = settings, metrics, LineFigures(metrics.registry)
        self._store = Store(storage, self._figures)
        app = celery_app(settings)
        self._board, self._line = Board(settings.replies), Line(app)
        broker = None if settings.replies == settings.broker else BrokerPing(app)
        self.answers = AnswersOnBoard(settings.replies)
        self.jobs = FleetJobs(self, self._board, self._store)
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
        """The model of the workers; while they differ, that of the earliest version: what it takes, all take.
        It tells likely colours if all do: one of an earlier version of the service may not."""
        return earliest(self._pulse.models())

    def check_taken(self, options: Iterable[str]) -> None:
        """See :class:`Engine`."""
        check_taken(self.describe(), options)

    def check_suggests(self) -> None:
        """See :class:`Engine`."""
        check_suggests(self.describe())

    def check_queue(self) -> None:
        """See :class:`Engine`."""
        if problem := self.problem:
            raise problem.error()
        # The pulse's count is up to a second old: enough to let in, not to refuse.
        if self._pulse.waiting >= self._settings.max_queued and self._pulse.count() >= self._settings.max_queued:
            raise self._full()

    def colorize(
        self, photo: Photo, options: Options, abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> str:
        """See :class:`Engine`."""
        task = messages.task(str(uuid.uuid4()), options, g.request_id, upload_id)
        self._outcome(task, photo, abandoned, self._is_stored)
        return task.id

    def likely_colours(
        self, photo: Photo, place: tuple[float, float], abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> list[LikelyColour]:
        """See :class:`Engine`."""
        task = Task(str(uuid.uuid4()), {}, g.request_id, upload_id, place)
        return self._outcome(task, photo, abandoned, lambda _: False).likely_colours()

    def _outcome(
        self, task: Task, photo: Photo, abandoned: Callable[[], bool], is_stored: Callable[[str], bool]
    ) -> Outcome:
        """Let a photo wait for a worker, and note what it took.

        Args:
            is_stored: whether the task's result is in the store.

        Raises:
            Exception: what has gone wrong in the worker, as if it had here.
        """
        note(photo=task.id)
        started = time.monotonic()
        waiting = Waiting(self._board, self._settings, task, lambda reason: self._send_again(task, photo, reason))
        self.admit(task.id)
        try:
            self.send(task, photo)
            outcome = waiting.wait(abandoned, is_stored)
        finally:
            if not waiting.answered:
                self._leave(task)
        if outcome.kind != "done":
            raise error_of(outcome)
        times = outcome.times(time.monotonic() - started)
        self._metrics.queue_seconds.observe(times.queue)
        self._metrics.engine_seconds.observe(times.engine)
        note(**times.notes())
        return outcome

    def _leave(self, task: Task) -> None:
        """Wait no more: nothing is left of the photo but its result, if it has one."""
        with contextlib.suppress(BoardError):  # it lapses by itself
            self._board.withdraw(task.id)
        if task.upload is None:
            self._store.delete("inbox", task.id)

    def admit(self, photo_id: str, job: bytes | None = None) -> None:
        """Let a photo wait; see :meth:`Board.admit`.

        Raises:
            Busy: if the line is full, or the board cannot be reached.
        """
        try:
            admitted = self._board.admit(photo_id, self._settings.max_queued, job)
        except BoardError as error:
            raise unreachable(error) from error
        if not admitted:
            raise self._full()

    def send(self, task: Task, photo: Photo, seconds: float | None = None) -> None:
        """Put a photo into the store, unless it is an upload there, and into the line.

        Args:
            seconds: how long it is worth anything; None: as long as a client waits.

        Raises:
            Busy: if the broker or the store cannot be reached.
            StorageFull
        """
        if task.upload is None:
            self._store.put("inbox", task.id, photo.data)
        self._put_into_line(task, seconds)

    def _put_into_line(self, task: Task, seconds: float | None = None) -> None:
        try:
            self._line.send(task, seconds or self._settings.queue_timeout + self._settings.work_timeout)
        except LineError as error:
            raise unreachable(error) from error

    def _send_again(self, task: Task, photo: Photo, reason: str) -> None:
        if reason == "lost":
            self._put_into_line(task)
        else:
            self.send(task, photo)
        self._figures.sent_again.labels(reason).inc()

    def _is_stored(self, photo_id: str) -> bool:
        return self._store.get("results", photo_id) is not None

    def _seen(self, pulse: Pulse) -> None:
        self._metrics.model_loaded.set(pulse.problem is None)
        self._figures.seen(pulse.waiting, pulse.workers)

    def _full(self) -> Busy:
        seconds = self._pulse.waiting / max(1, len(self._pulse.workers))
        return Busy("Too many photos are waiting; please try again later.", int(min(120, max(1, seconds))))


def earliest(models: Iterable[Description]) -> Description:
    """That of the earliest version, telling likely colours if all of them do."""
    models = list(models)
    found = min(models, key=lambda model: (_version(model.version), model.name))
    return replace(found, suggests=all(model.suggests for model in models))


def _version(text: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in text.split("."))
