"""The store as a fleet uses it: patient, and measured."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from colorize_service.inference.turn import Busy
from colorize_service.server import traces
from colorize_service.server.fleet.figures import StoreFigures
from colorize_service.server.storage.room import StorageFull
from colorize_service.server.storage.store import Storage

log = logging.getLogger(__name__)

_RETRY_AFTER = 10
#: Seconds between tries, of who has a client that can be told to come again, and of who has done work that would be
#: lost: long enough for a store that is restarted.
SHORT, LONG = (0.5, 1.0), (0.5, 1.0, 2.0, 4.0)

Value = TypeVar("Value")


class Store:
    """Tries more than once what does not succeed.

    Its methods raise Busy if the store cannot be reached.
    """

    def __init__(self, storage: Storage, figures: StoreFigures, pauses: tuple[float, ...] = SHORT):
        """
        Args:
            pauses: seconds between tries.
        """
        self._storage, self._figures, self._pauses = storage, figures, pauses

    def get(self, collection: str, file_id: str) -> bytes | None:
        """See :meth:`Storage.get`."""
        return self._patiently("get", lambda: self._storage.get(collection, file_id))

    def put(self, collection: str, file_id: str, data: bytes) -> None:
        """Store a file under this id. It replaces what is there.

        Raises:
            StorageFull
        """
        self._patiently("put", lambda: self._storage.put_all({collection: data}, file_id=file_id))

    def delete(self, collection: str, file_id: str) -> None:
        """Remove a file, if it is there; a store that cannot be reached keeps it, with a line in the log."""
        try:
            with traces.span("store delete"), self._figures.store("delete"):
                self._storage.delete(collection, file_id)
        except Exception as error:  # of whichever store
            log.warning("Photo %s stays in %s: %s", file_id, collection, error)

    def _patiently(self, operation: str, call: Callable[[], Value]) -> Value:
        for pause in (*self._pauses, None):
            try:
                with traces.span(f"store {operation}"), self._figures.store(operation):
                    return call()
            except StorageFull:
                raise
            except Exception as error:  # of whichever store
                log.warning("The store cannot be reached: %s", error)
                if pause is None:
                    sentence = "The store of photos cannot be reached; please try again later."
                    raise Busy(sentence, _RETRY_AFTER) from error
                time.sleep(pause)
        raise AssertionError
