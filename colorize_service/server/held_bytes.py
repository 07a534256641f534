"""How many bytes that clients have sent are held at a time."""

import threading

from colorize_service.inference.turn import Busy

RETRY_AFTER = 10


class HeldBytes:
    """A bound on the bytes of all requests together, from when they come to the end of their requests.

    Args:
        most: of all requests of this process.
    """

    def __init__(self, most: int):
        self._most, self._held = most, 0
        self._lock = threading.Lock()

    def share(self) -> "Share":
        """What one request holds, nothing yet."""
        return Share(self)

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    def _take(self, size: int) -> None:
        with self._lock:
            if self._held + size > self._most:
                raise Busy("Too many photos are on their way; please try again later.", RETRY_AFTER)
            self._held += size

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._held -= size


class Share:
    """The bytes that one request holds; of one thread."""

    def __init__(self, held: HeldBytes):
        self._of, self._size = held, 0

    def add(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            Busy: if all requests together would hold more than they may.
        """
        self._of._take(size)
        self._size += size

    def drop(self, size: int) -> None:
        """Hold so many bytes less."""
        self._of._give_back(size)
        self._size -= size

    def end(self) -> None:
        """Hold nothing more."""
        self.drop(self._size)
