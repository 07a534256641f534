"""How much room a store may take: a floor under the disk's free space, and a quota that all who share it keep."""

import contextlib
import fcntl
import logging
import os
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

#: What a file takes at least, and in multiples of which: the blocks of usual file systems. So tiny files count, too.
BLOCK = 4096

#: Longest time from one count to the next, in seconds, where files come and go without this service.
LONGEST = 3600.0
#: While the quota is used up, a count may follow the last one after this many seconds,
SHORTEST = 5.0
#: and after this many times what that one has taken.
PAUSES = 20

# Of a small disk, less than ``min_free`` bytes stay free: one in so many.
_SHARE_OF_SMALL_DISK = 20

_LEDGER = struct.Struct("<qqq")


class StorageFull(Exception):
    """There is no room for another picture; nothing of it was kept. ``str()`` says for an operator what is used up."""


class _Ledger(NamedTuple):
    """The numbers that all processes keep together, in bytes.

    Attributes:
        used: what all files take, at most.
        begun, ended: all that was ever reserved, and what of that has been written or given up. Between them are files
            that are being written, and those whose process died over it.
    """

    used: int = 0
    begun: int = 0
    ended: int = 0


def on_disk(size: int) -> int:
    """What a file of this many bytes counts, in bytes."""
    return -(-size // BLOCK) * BLOCK


class Room:
    """The room of one folder.

    Without a quota nothing is counted. With one, all processes that share the folder keep one number in
    ``ROOT/.usage``: who stores a file adds it first, under a lock, so they cannot exceed the quota together. What has
    come and gone by other hands is found by counting all files in a thread, one process at a time: with the first
    request, while the quota is used up, and else every hour. Until the very first count has ended, only what has
    come since counts.
    """

    def __init__(
        self, root: Path, min_free: int, quota: int | None, lock: Callable[[int], AbstractContextManager[None]]
    ):
        """
        Args:
            min_free: bytes of the file system that stay free, or a twentieth of it if that is less.
            quota: most bytes of all files together, each in whole blocks; None: no limit.
            lock: the lock that is held as a shared one while files are written, by ``flock``'s operation.
        """
        self._lock_files = lock
        self._root, self._min_free, self._quota = root, min_free, quota
        self._usage, self._counting = root / ".usage", root / ".counting"
        self._lock = threading.Lock()
        self._counter: threading.Thread | None = None
        self._next_count = self._soonest_count = 0.0  # on the monotonic clock

    def check(self, size: int = 0) -> None:
        """Whether a file of this many bytes has room now. Costs two system calls, or five with a quota.

        Raises:
            StorageFull
        """
        self._check_disk(size)
        if self._quota is not None:
            with self._ledger() as ledger:
                self._check_quota(ledger, on_disk(size))

    @contextlib.contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Within the ``with`` block ``size`` bytes, those of whole files by :func:`on_disk`, are written; if it fails,
        they are not. The lock of the files is held.

        Raises:
            StorageFull: if there is no room for them.
        """
        self._check_disk(size)
        if self._quota is None:
            yield
            return
        with self._ledger() as ledger:
            self._check_quota(ledger, size)
            found = _read(ledger) or _Ledger()
            _write(ledger, found._replace(used=found.used + size, begun=found.begun + size))
        written = 0
        try:
            yield
            written = size
        finally:
            with self._ledger() as ledger:
                found = _read(ledger) or _Ledger()
                _write(ledger, found._replace(used=max(0, found.used - size + written), ended=found.ended + size))

    @contextlib.contextmanager
    def given_back(self) -> Iterator[Callable[[int], None]]:
        """Within the ``with`` block a file is deleted; the function takes its bytes, by :func:`on_disk`, off the used.

        No count of files ends meanwhile, so that none overlooks the file and then has its bytes taken off as well.
        """
        if self._quota is None:
            yield lambda _: None
            return
        with self._ledger() as ledger:

            def give_back(size: int) -> None:
                found = _read(ledger)
                if found is not None:
                    _write(ledger, found._replace(used=max(0, found.used - size)))

            yield give_back

    def _check_disk(self, size: int) -> None:
        disk = os.statvfs(self._root)
        least = min(self._min_free, disk.f_blocks * disk.f_frsize // _SHARE_OF_SMALL_DISK)
        if disk.f_bavail * disk.f_frsize < least + size:
            raise StorageFull(f"less than {least} bytes of the disk would be free (STORAGE_MIN_FREE)")

    def _check_quota(self, ledger: int, size: int) -> None:
        quota = self._quota or 0
        known = _read(ledger)
        full = known is not None and known.used + size > quota
        self._count_if_due(soon=full or known is None)
        if full:
            raise StorageFull(f"STORAGE_QUOTA={quota} bytes are used up")

    @contextlib.contextmanager
    def _ledger(self) -> Iterator[int]:
        """The ledger's file descriptor, for one at a time of all processes."""
        descriptor = os.open(self._usage, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _count_if_due(self, soon: bool) -> None:
        with self._lock:
            now = time.monotonic()
            if now < (self._soonest_count if soon else self._next_count):
                return
            if self._counter is not None and self._counter.is_alive():  # a fork leaves its parent's behind
                return
            self._soonest_count, self._next_count = now + SHORTEST, now + LONGEST
            self._counter = threading.Thread(target=self._count, name="count-storage", daemon=True)
            with contextlib.suppress(RuntimeError):  # no more threads to be had; the next one may come soon
                self._counter.start()

    def _count(self) -> None:
        began = time.monotonic()
        try:
            descriptor = os.open(self._counting, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._count_alone()
            finally:
                os.close(descriptor)
        except BlockingIOError:  # another process counts for all
            return
        except OSError as error:
            log.warning("The stored files cannot be counted: %s", error)
        took = time.monotonic() - began
        with self._lock:
            self._soonest_count = time.monotonic() + max(SHORTEST, PAUSES * took)

    def _count_alone(self) -> None:
        with (
            contextlib.suppress(BlockingIOError),
            self._lock_files(fcntl.LOCK_EX | fcntl.LOCK_NB),
            self._ledger() as ledger,
        ):
            found = _read(ledger) or _Ledger()
            _write(ledger, found._replace(ended=found.begun))  # nobody writes: what is left was of processes that died
        with self._ledger() as ledger:
            before = _read(ledger) or _Ledger()
        found_on_disk = _bytes_in_folders(self._root)
        with self._ledger() as ledger:
            after = _read(ledger) or _Ledger()
            # Of what was being written meanwhile some has been found as well: too much until the next count, but never
            # too little.
            _write(ledger, after._replace(used=found_on_disk + max(0, after.begun - before.ended)))


def _read(ledger: int) -> _Ledger | None:
    """The numbers in the ledger; None if it is new, or has been cut off by a crash of the machine."""
    data = os.pread(ledger, _LEDGER.size, 0)
    return _Ledger(*_LEDGER.unpack(data)) if len(data) == _LEDGER.size else None


def _write(ledger: int, numbers: _Ledger) -> None:
    os.pwrite(ledger, _LEDGER.pack(*numbers), 0)


def _bytes_in_folders(root: Path) -> int:
    """What all files in the folders of ``root``, at any depth, count; those that vanish meanwhile do not."""
    total, folders = 0, [entry.path for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    while folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    total += on_disk(found.st_size) if stat.S_ISREG(found.st_mode) else 0
    return total
