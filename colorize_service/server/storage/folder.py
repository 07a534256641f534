"""Pictures by id, in a local folder that several workers and replicas may share."""

import contextlib
import errno
import fcntl
import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from colorize_service.server.storage.room import Room, StorageFull, on_disk
from colorize_service.server.storage.store import Found, Lifetime, Stored, file_name, is_id, nobody

_FULL = {errno.ENOSPC, errno.EDQUOT}


def no_space(error: OSError) -> bool:
    """Whether an error says that a disk or a quota is full."""
    return error.errno in _FULL


class FolderStorage:
    """A :class:`~colorize_service.server.storage.store.Storage` of files, ``ROOT/COLLECTION/ab/cd/ID.jpg`` where
    ``abcd`` begins the id.

    Two levels of 256 folders each keep a million files at about 15 a folder. A file is written under ``ROOT/.tmp``
    and renamed when it is complete and on the disk, so its own name never shows part of it. Whoever writes holds a
    shared lock that ends with the process; when a store is opened and nobody holds that lock, what lies in ``.tmp``
    was left by a crash and is removed.

    Folders and files are for the service's own user alone, whatever the umask is.

    Attributes:
        check_room: of :class:`~colorize_service.server.storage.room.Room`, before work is done whose result is stored.
    """

    def __init__(self, root: Path, min_free: int = 0, quota: int | None = None, lifetime: float | None = None):
        """
        Args:
            min_free: bytes of the file system that stay free.
            quota: most bytes of all files together; None: no limit.
            lifetime: seconds for which a file is there; None: for ever.
        """
        self._root, self._lifetime = root, Lifetime(lifetime)
        self._room = Room(root, min_free, quota, self._lock)
        self.check_room = self._room.check
        self._temporary = root / ".tmp"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        # Earlier versions let others in, who could hold the lock.
        with contextlib.suppress(OSError):
            self._temporary.chmod(0o700)
        self._remove_leftovers()

    def put(self, collection: str, data: bytes, file_id: str | None = None) -> str:
        """:meth:`put_all` for a single file."""
        return self.put_all({collection: data}, file_id)

    def put_all(self, files: Mapping[str, bytes], file_id: str | None = None) -> str:
        """Store a file in each of these collections; see :class:`~colorize_service.server.storage.store.Storage`.

        Raises:
            StorageFull: if the disk, its quota or this store's is full, or too little of the disk would be free.
            OSError: if a file cannot be written for another reason.
        """
        file_id = file_id or str(uuid.uuid4())
        once = secrets.token_hex(8)  # the same id may be written twice at the same time
        waiting = {collection: self._temporary / f"{file_id}.{collection}.{once}" for collection in files}
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
                        if not self._replaces(temporary, target):
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
        """The path of a stored file, or None."""
        return self._path(collection, file_id) if self.open(collection, file_id) else None

    def get(self, collection: str, file_id: str, hold: Callable[[int], object] = nobody) -> bytes | None:
        """The bytes of a stored file, or None."""
        path = self.find(collection, file_id)
        try:
            if path is None:
                return None
            with path.open("rb") as file:
                hold(os.fstat(file.fileno()).st_size)
                return file.read()
        except FileNotFoundError:  # removed a moment ago
            return None

    def open(self, collection: str, file_id: str) -> Stored | None:
        """What is known of a stored file, and its path; or None."""
        if not is_id(file_id):
            return None
        path = self._path(collection, file_id)
        try:
            about = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self._lifetime.is_over(collection, about.st_mtime):
            return None
        modified, end = datetime.fromtimestamp(about.st_mtime, UTC), self._lifetime.end(collection, about.st_mtime)
        return Stored(about.st_size, modified, end, path)

    def delete(self, collection: str, file_id: str) -> bool:
        """Delete a file and give its room back; whether there was one."""
        if not is_id(file_id):
            return False
        path = self._path(collection, file_id)
        with self._room.given_back() as give_back:
            try:
                about = path.stat()
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return False
            give_back(on_disk(about.st_size))
        return not self._lifetime.is_over(collection, about.st_mtime)

    def files(self, collection: str) -> Iterator[Found]:
        """All files of a collection, expired ones too, in any order."""
        for folder, _, names in os.walk(self._root / collection):
            for name in names:
                file_id = name.removesuffix(".jpg")
                if is_id(file_id) and name == file_name(collection, file_id):
                    with contextlib.suppress(FileNotFoundError):
                        about = os.stat(os.path.join(folder, name))
                        yield Found(file_id, about.st_size, about.st_mtime)

    def problem(self) -> str | None:
        """Why the folder cannot be reached, if it cannot."""
        try:
            os.statvfs(self._temporary)
        except OSError as error:
            return f"{self._root}: {error.strerror}"
        return None

    def secrets(self) -> list[bytes]:
        """The secret in ``ROOT/.secret``, for this user alone. The first call makes it."""
        path = self._root / ".secret"
        if not path.exists():
            temporary = self._temporary / f"secret.{secrets.token_hex(8)}"
            with self._lock(fcntl.LOCK_SH):
                _write_durably(temporary, secrets.token_bytes(32))
                with contextlib.suppress(FileExistsError):  # another one was first
                    os.link(temporary, path)
                temporary.unlink()
        return [path.read_bytes()]

    def _replaces(self, temporary: Path, target: Path) -> bool:
        """Give a file that is complete its own name; whether it has replaced one, whose room is given back."""
        with self._room.given_back() as give_back:
            try:
                before = target.stat().st_size
            except FileNotFoundError:
                temporary.rename(target)
                return False
            temporary.rename(target)
            give_back(on_disk(before))
            return True

    def _path(self, collection: str, file_id: str) -> Path:
        return self._root / collection / file_id[:2] / file_id[2:4] / file_name(collection, file_id)

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


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
