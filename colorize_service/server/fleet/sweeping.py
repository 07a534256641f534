"""A worker's thread that deletes from the inbox what nobody waits for any more.

Who waits for a photo and who works on it delete it when it is done. What stays is of an API process that died before
the photo was in the line, and of times when the store could not be reached.
"""

import logging
import threading

from colorize_service.server.fleet.board import Board, BoardError
from colorize_service.server.storage.store import Storage, StoreUnavailable

log = logging.getLogger(__name__)

#: Seconds between two looks.
SECONDS = 30.0


class Sweeper:
    """Deletes what nobody waited for at two looks, one after the other: whoever waits says so each second."""

    def __init__(self, storage: Storage, board: Board):
        self._storage, self._board = storage, board
        self._unwanted: set[str] = set()

    def start(self) -> None:
        """Look now and then, from now on."""
        threading.Thread(target=self._run, name="sweeper", daemon=True).start()

    def look(self) -> None:
        """Look once.

        Raises:
            BoardError, StoreUnavailable, OSError
        """
        before, self._unwanted = self._unwanted, set()
        unwanted = self._board.unwanted(found.file_id for found in self._storage.files("inbox"))
        for photo_id in unwanted & before:
            log.info("Photo %s was left in the inbox, and is deleted.", photo_id)
            self._storage.delete("inbox", photo_id)
        self._unwanted = unwanted - before

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(SECONDS):
            try:
                self.look()
            except (BoardError, StoreUnavailable, OSError) as error:
                log.debug("The inbox cannot be looked through: %s", error)
            except Exception:
                log.exception("The inbox cannot be looked through.")  # and goes on trying
