"""Whether broker, store and workers are there, asked in the background, so that a request knows at once."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from celery import Celery
from kombu import Connection

from colorize_service.server.engines.protocol import Description, Problem
from colorize_service.server.fleet.board import Board, BoardError
from colorize_service.server.fleet.outcomes import unreachable
from colorize_service.server.storage.store import Storage

log = logging.getLogger(__name__)

SECONDS = 1.0
_STALE = 10.0
_NOBODY = "00000000-0000-4000-8000-000000000000"

_STARTING = Problem("The service is starting.", 2)
_NO_BROKER = Problem("The line of photos cannot be reached; please try again later.", 5)
_NO_STORE = Problem("The store of photos cannot be reached; please try again later.", 10)
_NO_WORKER = Problem("No worker is ready to colorize photos; please try again later.", 10)


class Pulse:
    """A thread that asks each second.

    Attributes:
        waiting: photos that wait for a worker.
        workers: what each worker that is ready tells of its model.
    """

    def __init__(self, board: Board, storage: Storage, broker: "BrokerPing | None", changed: Callable[["Pulse"], None]):
        """
        Args:
            broker: None if the board is on it.
            changed: called after each look.
        """
        self._board, self._storage, self._broker, self._changed = board, storage, broker, changed
        self._problem: Problem | None = _STARTING
        self._at = time.monotonic()
        self.waiting = 0
        self.workers: list[Description] = []

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    @property
    def problem(self) -> Problem | None:
        """What is missing, if anything is."""
        return _NO_BROKER if time.monotonic() - self._at > _STALE else self._problem

    def models(self) -> list[Description]:
        """What each worker that is ready tells of its model; of one at least.

        Raises:
            NotLoaded: if something is missing.
        """
        workers, problem = self.workers, self.problem
        if problem is None and not workers:  # the last one has just gone
            problem = _NO_WORKER
        if problem:
            raise problem.error()
        return workers

    def count(self) -> int:
        """How many photos wait now: asks the board.

        Raises:
            Busy: if it cannot be reached.
        """
        try:
            self.waiting, self.workers = self._board.overview()
        except BoardError as error:
            raise unreachable(error) from error
        return self.waiting

    def _run(self) -> None:
        while True:
            try:
                self._beat()
            except Exception:
                log.exception("The pulse of the fleet has missed a beat.")
            time.sleep(SECONDS)

    def _beat(self) -> None:
        problem = self._look()
        if problem != self._problem:
            sentence = problem.sentence if problem else "Broker, store and workers are there."
            log.log(logging.WARNING if problem else logging.INFO, sentence)
        self._problem, self._at = problem, time.monotonic()
        self._changed(self)

    def _look(self) -> Problem | None:
        try:
            self.waiting, self.workers = self._board.overview()
            if self._broker is not None:
                self._broker.ping()
        except Exception:  # whatever it is: the library of each broker has errors of its own
            return _NO_BROKER
        try:
            self._storage.get("inbox", _NOBODY)
        except Exception:
            return _NO_STORE
        return None if self.workers else _NO_WORKER


class BrokerPing:
    """A connection to a broker that is not the board's, by which it is seen to live. For one thread."""

    def __init__(self, app: Celery):
        self._app = app
        self._connection: Connection | None = None

    def ping(self) -> None:
        """Raises an error of the broker's library if it does not answer."""
        try:
            if self._connection is None:
                self._connection = self._app.connection_for_write()
                self._connection.connect()
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=0.05)
            self._connection.heartbeat_check()
        except Exception:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.release()
            raise
