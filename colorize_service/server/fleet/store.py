"""The store as a fleet uses it: patient, and measured."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from colorize_service.inference.turn import Busy
from colorize_service.server.fleet.figures import StoreFigures
from colorize_service.server.storage.room import StorageFull
from colorize_service.server.storage.store import Storage

log = logging.getLogger(__name__)

_RETRY_AFTER = 10
_PAUSES = (0.5, 1.0, None)

Value = TypeVar("Value")


class Store:
    """Tries three times what does not succeed.

    Its methods raise Busy if the store cannot be reached.
    """

    def __init__(self, storage: Storage, figures: StoreFigures):
        self._storage, self._figures = storage, figures

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
            with self._figures.store("delete"):
                self._storage.delete(collection, file_id)
        except Exception as error:  # of whichever store
            log.warning("Photo %s stays in %s: %s", file_id, collection, error)

    def _patiently(self, operation: str, call: Callable[[], Value]) -> Value:
        for pause in _PAUSES:
            try:
                with self._figures.store(operation):
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
