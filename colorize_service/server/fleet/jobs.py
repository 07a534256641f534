"""Photos for which nobody holds a connection."""

import uuid
from typing import TYPE_CHECKING

from flask import g

from colorize_service.imaging import Photo
from colorize_service.options import Options
from colorize_service.server.engines.protocol import JobState
from colorize_service.server.fleet import messages
from colorize_service.server.fleet.board import JOB_SECONDS, Board, BoardError
from colorize_service.server.fleet.messages import pack
from colorize_service.server.fleet.outcomes import CANCELLED, sentence_of, unreachable
from colorize_service.server.fleet.store import Store
from colorize_service.server.logs import note
from colorize_service.server.storage.store import is_id

if TYPE_CHECKING:
    from colorize_service.server.fleet.engine import FleetEngine


class FleetJobs:
    """See :class:`~colorize_service.server.engines.protocol.Jobs`."""

    def __init__(self, engine: "FleetEngine", board: Board, store: Store):
        self._engine, self._board, self._store = engine, board, store

    def submit(self, photo: Photo, options: Options, upload_id: str | None = None) -> str:
        """See :class:`Jobs`."""
        job_id = str(uuid.uuid4())
        task = messages.task(job_id, options, g.request_id, upload_id)
        note(photo=job_id)
        self._engine.admit(job_id, pack(task))
        try:
            self._engine.send(task, photo, JOB_SECONDS)
        except Exception:
            self.cancel(job_id)
            raise
        return job_id

    def state(self, job_id: str) -> JobState | None:
        """See :class:`Jobs`."""
        if not is_id(job_id):
            return None
        try:
            state, outcome = self._board.job(job_id)
        except BoardError as error:
            raise unreachable(error) from error
        if outcome is not None:
            return JobState("done") if outcome.kind == "done" else JobState("failed", sentence_of(outcome))
        return None if state == "unknown" else JobState("working" if state == "working" else "queued")

    def cancel(self, job_id: str) -> bool:
        """See :class:`Jobs`."""
        try:
            known = is_id(job_id) and self._board.cancel(job_id, CANCELLED)
        except BoardError as error:
            raise unreachable(error) from error
        if known:
            self._store.delete("inbox", job_id)
        return known
