"""Pictures by id, in a local folder that several workers and replicas may share."""

import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from colorize_service.server.storage.room import Room, StorageFull, on_disk

#: Collections of files as clients have sent them, which nobody but the service sees.
PRIVATE = ("originals", "inbox")

_FULL = {errno.ENOSPC, errno.EDQUOT}


def no_space(error: OSError) -> bool:
    """Whether an error says that a disk or a quota is full."""
    return error.errno in _FULL


class Storage:
    """A folder of files, ``ROOT/COLLECTION/ab/cd/ID.jpg`` where ``abcd`` begins the id.

    The collections are ``uploads`` and ``results``, JPEGs that the public may see, and, for the service alone and
    without an ending, what clients have sent in any format: ``originals`` of uploads, and the ``inbox`` of photos that
    wait for a worker.

    Two levels of 256 folders each keep a million files at about 15 a folder. A file is written under ``ROOT/.tmp``
    and renamed when it is complete and on the disk, so its own name never shows part of it. Whoever writes holds a
    shared lock that ends with the process; when a store is opened and nobody holds that lock, what lies in ``.tmp``
    was left by a crash and is removed.

    Folders and files are for the service's own user alone, whatever the umask is.

    Attributes:
        check_room: of :class:`~colorize_service.server.storage.room.Room`, before work is done whose result is stored.
    """

    def __init__(self, root: Path, min_free: int = 0, quota: int | None = None):
        """
        Args:
            min_free: bytes of the file system that stay free.
            quota: most bytes of all files together; None: no limit.
        """
        self._root = root
        self._room = Room(root, min_free, quota, self._lock)
        self.check_room = self._room.check
        self._temporary = root / ".tmp"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        # Earlier versions let others in, who could hold the lock.
        with contextlib.suppress(OSError):
            self._temporary.chmod(0o700)
        self._remove_leftovers()

    def put(self, collection: str, data: bytes) -> str:
        """:meth:`put_all` for a single file."""
        return self.put_all({collection: data})

    def put_all(self, files: Mapping[str, bytes], file_id: str | None = None) -> str:
        """Store a file in each of these collections, all or none, for good and in this order.

        Args:
            file_id: a random id (UUID version 4) that they are to have in common; None: a new one.

        Returns:
            That id.

        Raises:
            StorageFull: if the disk, its quota or this store's is full, or too little of the disk would be free.
            OSError: if a file cannot be written for another reason.
        """
        file_id = file_id or str(uuid.uuid4())
        waiting = {collection: self._temporary / f"{file_id}.{collection}" for collection in files}
        written = []
        try:
            size = sum(map(on_disk, map(len, files.values())))
            with self._lock(fcntl.LOCK_SH), self._room.reserved(size):
                try:
                    for collection, data in files.items():
                        _write_durably(waiting[collection], data)
                    for collection, temporary in waiting.items():
                        target = self._path(collection, file_id)
                        self._make_folder(target.parent)
                        temporary.rename(target)
                        written.append(target)
                except BaseException:
                    for path in (*waiting.values(), *written):
                        path.unlink(missing_ok=True)
                    raise
        except OSError as error:
            if no_space(error):
                raise StorageFull(error.strerror) from error
            raise
        return file_id

    def find(self, collection: str, file_id: str) -> Path | None:
        """The path of a stored file, or None. An id that is not a version 4 UUID in its usual form has no file."""
        if not is_id(file_id):
            return None
        path = self._path(collection, file_id)
        return path if path.is_file() else None

    def get(self, collection: str, file_id: str) -> bytes | None:
        """The bytes of a stored file, or None where :meth:`find` finds none."""
        path = self.find(collection, file_id)
        try:
            return path.read_bytes() if path else None
        except FileNotFoundError:  # removed a moment ago
            return None

    def delete(self, collection: str, file_id: str) -> bool:
        """Remove a file; False where :meth:`find` finds none."""
        path = self.find(collection, file_id)
        try:
            if path is None:
                return False
            path.unlink()
        except FileNotFoundError:  # removed a moment ago
            return False
        return True

    def _path(self, collection: str, file_id: str) -> Path:
        name = file_id if collection in PRIVATE else f"{file_id}.jpg"
        return self._root / collection / file_id[:2] / file_id[2:4] / name

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            for each in (*reversed(folder.relative_to(self._root).parents[:-1]), folder.relative_to(self._root)):
                (self._root / each).mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def _lock(self, operation: int) -> Iterator[None]:
        descriptor = os.open(self._temporary / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, operation)
            yield
        finally:
            os.close(descriptor)

    def _remove_leftovers(self) -> None:
        with contextlib.suppress(BlockingIOError), self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
            for path in self._temporary.iterdir():
                if path.name != "lock":
                    path.unlink(missing_ok=True)


def is_id(text: str) -> bool:
    """Whether ``text`` is a version 4 UUID written as :func:`uuid.uuid4` writes it (RFC 9562, lower case)."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return False
    return value.version == 4 and str(value) == text


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
