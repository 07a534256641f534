"""Results on the disk: whole, under a name of their own, or not at all."""

import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path


class ResultExists(Exception):
    """There is a file of the result's name already, and it may not be replaced."""


class Stopped(Exception):
    """No more results are written."""


class Writer:
    """Writes results, from any thread. A result gets its name when it is complete."""

    def __init__(self, force: bool):
        """``force``: replace files that are there already."""
        self._force = force
        self._lock = threading.Lock()
        self._stopped = False
        self._unfinished: set[Path] = set()

    def check(self, path: Path) -> None:
        """Raise ResultExists if there is a file already that may not be replaced."""
        if not self._force and os.path.lexists(path):
            raise ResultExists

    def write(self, path: Path, data: bytes) -> None:
        """Write ``data`` to ``path``, whose folder is made if need be.

        Raises:
            ResultExists: as :meth:`check`.
            OSError: if it cannot be written; nothing of it is left.
            Stopped: after :meth:`stop`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".colorize-{uuid.uuid4().hex}.part")
        with self._unless_stopped():
            file = open(temporary, "xb")
            self._unfinished.add(temporary)
        try:
            with file:
                file.write(data)
            with self._unless_stopped():
                self._publish(temporary, path)
        finally:
            with self._lock:
                temporary.unlink(missing_ok=True)
                self._unfinished.discard(temporary)

    def stop(self) -> None:
        """From here on nothing is written; what is half written is removed."""
        with self._lock:
            self._stopped = True
            for temporary in self._unfinished:
                temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _unless_stopped(self) -> Iterator[None]:
        with self._lock:
            if self._stopped:
                raise Stopped
            yield

    def _publish(self, temporary: Path, path: Path) -> None:
        if not self._force:
            try:
                os.link(temporary, path)  # unlike a rename it never replaces a file that has come meanwhile
                return
            except OSError:  # there is such a file, or the file system has no hard links
                self.check(path)
        os.replace(temporary, path)
