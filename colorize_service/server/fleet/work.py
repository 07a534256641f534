"""What a worker does with one photo of the line."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from werkzeug.exceptions import NotFound

from colorize_service.imaging import open_photo
from colorize_service.inference.turn import LOOK_SECONDS, Abandoned
from colorize_service.options import Options
from colorize_service.server import traces
from colorize_service.server.engines.local import LocalEngine
from colorize_service.server.fleet.board import Board, BoardError
from colorize_service.server.fleet.figures import WorkerFigures
from colorize_service.server.fleet.messages import NotOurs, Outcome, Task, done, read_task
from colorize_service.server.fleet.outcomes import outcome_of, worn
from colorize_service.server.fleet.presence import Presence
from colorize_service.server.fleet.store import Store
from colorize_service.server.settings import Settings

log = logging.getLogger("colorize.worker")

Value = TypeVar("Value")


class Held(Exception):
    """Another worker has the photo in work: it is to be offered again, in case that one dies."""


class Work:
    """Colorizes the photos that messages name. Its methods may be called from several threads."""

    def __init__(
        self,
        settings: Settings,
        engine: LocalEngine,
        store: Store,
        board: Board,
        presence: Presence,
        figures: WorkerFigures,
    ):
        self._settings, self._engine, self._store = settings, engine, store
        self._board, self._presence, self._figures = board, presence, figures

    def do(self, message: object) -> None:
        """Bring the photo of a message to its end. A message that is none of ours is dropped.

        Raises:
            Held
            BoardError: if the board cannot be reached for a long time.
        """
        try:
            task, options = read_task(message)
        except NotOurs as error:
            log.warning("A message in the line is none of ours, and is dropped: %s", error)
            return
        claim = self._patiently(lambda: self._board.claim(task.id, self._presence.name, self._settings.max_attempts))
        if claim.state == "held":
            raise Held
        if claim.state == "yours":
            with self._presence.holding(task.id):
                self._begin(task, options, claim.attempts)
        elif claim.state == "worn":
            self._patiently(lambda: self._board.finish(task.id, worn(claim.attempts - 1)))
        if task.upload is None:
            self._store.delete("inbox", task.id)
        if claim.state != "yours":
            self._figures.ended(claim.state)
            _log(task, claim.state)

    def _begin(self, task: Task, options: Options, attempts: int) -> None:
        began = time.perf_counter()
        self._figures.begun(attempts)
        try:
            outcome = self._colorize(task, options, attempts) if task.place is None else self._suggest(task, task.place)
        except Abandoned:
            self._patiently(lambda: self._board.release(task.id))
            self._figures.ended("gone")
            _log(task, "gone", attempts=attempts)
            return
        except Exception as error:
            outcome = outcome_of(error)
            if outcome.kind == "failed":
                log.exception("Error in the work on photo %s", task.id)
        if not self._patiently(lambda: self._board.finish(task.id, outcome)):
            self._store.delete("results", task.id)
        notes = {} if outcome.kind != "done" else outcome.times(0).notes()
        notes.pop("queue_ms", None)
        seconds = time.perf_counter() - began
        self._figures.ended(outcome.kind, seconds)
        _log(task, outcome.kind, attempts=attempts, ms=round(seconds * 1000, 1), **notes)

    def _colorize(self, task: Task, options: Options, attempts: int) -> Outcome:
        """Store the result, unless that was done by an attempt before this one."""
        if attempts > 1 and self._store.get("results", task.id) is not None:
            return Outcome("done")
        self._engine.check_taken(options.of_the_model())
        photo = open_photo(self._read(task), max_pixels=self._settings.max_pixels)
        _, times = self._engine.work(
            photo, options, self._abandoned(task.id), lambda file: self._store.put("results", task.id, file)
        )
        return done(times)

    def _suggest(self, task: Task, place: tuple[float, float]) -> Outcome:
        photo = open_photo(self._read(task), max_pixels=self._settings.max_pixels)
        colours, times = self._engine.suggest(photo, place, self._abandoned(task.id))
        return done(times, colours)

    def _read(self, task: Task) -> bytes:
        if task.upload is None:
            data = self._store.get("inbox", task.id)
            if data is None:  # who waited for it has taken it along, or it was thought that nobody did
                if self._patiently(lambda: self._board.lose(task.id)):
                    raise Abandoned
                raise NotFound("The photo is not there any more.")
            return data
        # Earlier versions kept what is shown and nothing else.
        for collection in ("originals", "uploads"):
            data = self._store.get(collection, task.upload)
            if data is not None:
                return data
        raise NotFound("There is no upload with this image_id.")

    def _abandoned(self, photo_id: str) -> Callable[[], bool]:
        """Tells whether nobody waits for the photo; asks the board now and then."""
        next_look = time.monotonic() + LOOK_SECONDS  # the claim has just seen it

        def abandoned() -> bool:
            nonlocal next_look
            if time.monotonic() < next_look:
                return False
            next_look = time.monotonic() + LOOK_SECONDS
            try:
                return not self._board.is_wanted(photo_id)
            except BoardError:
                return False

        return abandoned

    def _patiently(self, call: Callable[[], Value]) -> Value:
        """What it returns, also if the board is away for some time."""
        until = time.monotonic() + self._settings.work_timeout
        while True:
            try:
                return call()
            except BoardError:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_SECONDS)


def _log(task: Task, outcome: str, **fields: object) -> None:
    about = {"request_id": task.request_id, "photo": task.id, "outcome": outcome}
    traces.mark(**about)
    extra = about | fields | traces.log_fields()
    log.info("photo %s %s", task.id, outcome, extra=extra)
