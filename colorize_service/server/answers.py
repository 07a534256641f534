"""Answers that are kept for a day by the key that a client gave its request, so that it may ask again.

A request that is repeated gets the first one's answer, also while that is still in work, and its work is done once: the
header ``Idempotency-Key`` of draft-ietf-httpapi-idempotency-key-header.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from colorize_service.inference.turn import LOOK_SECONDS

#: How long an answer is kept, in seconds.
LIFETIME = 24 * 3600.0

# Of so many requests with a key, one looks for answers that are too old.
_PAUSES = 16


class OtherRequest(Exception):
    """The key was given to another request before."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered.

    Attributes:
        body: JSON.
        headers: those that are of the answer's own meaning.
    """

    status: int
    body: str
    headers: dict[str, str]


class Claim(Protocol):
    """A key that is held: nobody else works on its request meanwhile.

    Attributes:
        answer: the first request's; None if this is the first.
    """

    @property
    def answer(self) -> Answer | None: ...

    def keep(self, answer: Answer) -> None:
        """Keep the answer. Without it the key is free again at the end, as if it had never been used."""


class Answers(Protocol):
    """Where answers are kept. Keys are told apart by app; :func:`name_of` makes one name of both."""

    def known(self, name: str) -> bool:
        """Whether a request with this key has an answer or is in work; may be outdated when it is said."""

    def claim(self, name: str, request: str, wait: Callable[[], object]) -> AbstractContextManager[Claim]:
        """Hold a key, once nobody else does.

        Args:
            request: a digest of all that counts in the request.
            wait: called now and then while another request with this key is in work; what it raises ends the waiting.

        Raises:
            OtherRequest: if another request has or had this key.
        """


def name_of(app: str, key: str) -> str:
    """The name under which an app's key is kept: 64 hexadecimal digits, of which nobody finds the key."""
    return hashlib.sha256(json.dumps([app, key]).encode()).hexdigest()


@dataclass(frozen=True)
class _Record:
    """What a key's file has; ``answer`` is None while its request is in work."""

    request: str
    answer: Answer | None = None

    @classmethod
    def read(cls, descriptor: int) -> "_Record | None":
        """None if the file is new, outdated, or was cut off."""
        found = os.fstat(descriptor)
        if found.st_mtime < time.time() - LIFETIME:
            return None
        try:
            values = json.loads(os.pread(descriptor, found.st_size, 0))
            return cls(values["request"], values["answer"] and Answer(**values["answer"]))
        except (ValueError, TypeError, KeyError):
            return None

    def write(self, descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(self)).encode(), 0)


class _FileClaim:
    def __init__(self, descriptor: int, record: _Record):
        self._descriptor, self._record = descriptor, record

    @property
    def answer(self) -> Answer | None:
        return self._record.answer

    def keep(self, answer: Answer) -> None:
        self._record = _Record(self._record.request, answer)
        self._record.write(self._descriptor)


class AnswersInFolder:
    """Answers in the files of a folder that workers and replicas may share.

    Who works on a request holds its file's lock, which ends with the process: who waits for it then is the next to try.
    A file that is a day old goes when another one in its folder comes.
    """

    def __init__(self, root: Path):
        self._root = root

    def known(self, name: str) -> bool:
        """As :meth:`Answers.known`."""
        try:
            return self._path(name).stat().st_mtime >= time.time() - LIFETIME
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def claim(self, name: str, request: str, wait: Callable[[], object]) -> Iterator[Claim]:
        """As :meth:`Answers.claim`."""
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_old(path.parent)
        descriptor = self._hold(path, request, wait)
        try:
            record = _Record.read(descriptor)
            if record is None or (record.answer is None and record.request != request):
                record = _Record(request)
                record.write(descriptor)
            if record.request != request:
                raise OtherRequest
            claim = _FileClaim(descriptor, record)
            try:
                yield claim
            finally:
                if claim.answer is None:
                    path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _hold(self, path: Path, request: str, wait: Callable[[], object]) -> int:
        """The descriptor of the key's file, whose lock is held."""
        pause = 0.01
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
            except (BlockingIOError, FileNotFoundError):  # removed by who held it: the next round makes a new one
                record = _Record.read(descriptor)
                if record is not None and record.request != request:
                    os.close(descriptor)
                    raise OtherRequest from None
            os.close(descriptor)
            wait()
            time.sleep(pause)
            pause = min(LOOK_SECONDS, 1.5 * pause)

    @staticmethod
    def _remove_old(folder: Path) -> None:
        if time.monotonic_ns() % _PAUSES:  # a full folder is not read each time
            return
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.fstat(descriptor).st_mtime < time.time() - LIFETIME:
                        path.unlink(missing_ok=True)
                finally:
                    os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name
