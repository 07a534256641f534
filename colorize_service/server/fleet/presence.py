"""A worker's thread that says that it lives, and which photos it has in work."""

import contextlib
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator

import msgspec

from colorize_service.server.engines.protocol import Description
from colorize_service.server.fleet.board import JOB_SECONDS, Board, BoardError
from colorize_service.server.fleet.line import Line, LineError
from colorize_service.server.fleet.messages import Task
from colorize_service.server.fleet.outcomes import worn
from colorize_service.server.fleet.store import Store

log = logging.getLogger(__name__)

_SECONDS = 1.0


class Presence:
    """Says it each second. Photos of jobs whose workers have died, or whose messages were lost, it sends again."""

    def __init__(
        self, board: Board, line: Line, queue: str | None, store: Store, model: Description, max_attempts: int
    ):
        """
        Args:
            queue: the line, if it is on the server of the board.
            model: of this worker.
            max_attempts: how often a job is begun at most.
        """
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._board, self._line, self._queue, self._store = board, line, queue, store
        self._model, self._max_attempts = model, max_attempts
        self._held: dict[str, str] = {}
        self._ready = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def ready(self) -> None:
        """Say that this worker takes photos: at once, since another may be stopped when this one is there."""
        self._ready = True
        with contextlib.suppress(BoardError):
            self._board.announce(self.name, self._model)

    def leave(self) -> None:
        """This worker takes no more photos; those that it has, it goes on holding."""
        self._ready = False
        with contextlib.suppress(BoardError):
            self._board.leave(self.name)

    def end(self) -> None:
        """This worker has nothing more in work."""
        self.leave()
        self._ended.set()

    @contextlib.contextmanager
    def holding(self, photo_id: str) -> Iterator[None]:
        """Within the ``with`` block the photo is in work here."""
        with self._lock:
            self._held[photo_id] = self.name
        try:
            yield
        finally:
            with self._lock:
                del self._held[photo_id]

    def _run(self) -> None:
        while not self._ended.wait(_SECONDS):
            try:
                with self._lock:
                    held = list(self._held.items())
                self._board.hold(held)
                if self._ready:
                    self._board.announce(self.name, self._model)
                    self._send_lost_jobs()
            except BoardError as error:
                log.debug("The board cannot be reached: %s", error)
            except Exception:
                log.exception("The worker cannot say that it lives.")  # and goes on trying

    def _send_lost_jobs(self) -> None:
        for photo_id, task, attempts in self._board.lost_jobs(self._queue):
            if attempts >= self._max_attempts:
                self._board.finish(photo_id, worn(attempts))
                self._store.delete("inbox", photo_id)
                continue
            log.warning("Job %s is sent again: its worker, or its message, is gone.", photo_id)
            with contextlib.suppress(LineError):
                self._line.send(msgspec.json.decode(task, type=Task), JOB_SECONDS)
                self._board.sent_again(photo_id)
