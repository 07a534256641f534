"""Writing results: a file is complete or not there."""

import contextlib
import fcntl
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

_PART = ".colorize-{}.part"


class ResultExists(Exception):
    """A file of the result's name exists already, and may not be replaced."""


class Stopped(Exception):
    """The writer has been stopped and writes no more results."""


class Writer:
    """Writes results, in any thread. A result gets its name once it is complete."""

    def __init__(self, force: bool, skip: bool = False):
        """``force``: replace files that exist already; ``skip``: a photo that has a result needs no other."""
        self._force, self.skipping = force, skip
        self._lock = threading.Lock()
        self._stopped = False
        self._unfinished: set[Path] = set()

    def check(self, path: Path) -> None:
        """Raise ResultExists if a file of that name exists and may not be replaced."""
        if not self._force and os.path.lexists(path):
            raise ResultExists

    def skips(self, path: Path) -> bool:
        """Whether what exists at ``path`` is a result that is to be left; folders and empty files are none."""
        return self.skipping and path.is_file() and path.stat().st_size > 0

    def write(self, path: Path, data: bytes) -> None:
        """Write ``data`` to ``path``, and make its folder if that is missing.

        Raises:
            ResultExists: as :meth:`check`.
            OSError: if it cannot be written; nothing of it is left.
            Stopped: after :meth:`stop`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(_PART.format(uuid.uuid4().hex))
        try:
            with contextlib.ExitStack() as opened:
                with self._unless_stopped():
                    self._unfinished.add(temporary)
                    file = opened.enter_context(_locked(temporary))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # or a power cut would leave an empty file of the result's name
                with self._unless_stopped():
                    self._publish(temporary, path)  # while it is locked
        finally:
            with self._lock:
                temporary.unlink(missing_ok=True)
                self._unfinished.discard(temporary)

    def stop(self) -> None:
        """Write nothing from now on, and remove what is half written."""
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
                os.link(temporary, path)  # unlike a rename this never replaces a file that appeared meanwhile
                return
            except OSError:  # the file exists, or the file system has no hard links
                self.check(path)
        os.replace(temporary, path)


def remove_dead_parts(folders: Iterable[Path]) -> None:
    """Remove what runs that were killed have left half written. Whatever another run is writing is locked by it."""
    for folder in folders:
        for part in folder.glob(_PART.format("*")):
            with contextlib.suppress(OSError), open(part, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()


def _locked(path: Path) -> IO[bytes]:
    """A new file, locked until it is closed. While it has no lock it may be removed as dead: then it is made again."""
    while True:
        file = open(path, "xb")  # noqa: SIM115  the caller closes it
        with contextlib.suppress(OSError):  # a file system without locks: there nothing is taken for dead
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()
