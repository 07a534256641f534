"""Pictures by id, in a bucket of an object store that any number of replicas share: S3, Google Cloud, Azure."""

import contextlib
import logging
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import chain, starmap
from typing import Any

import obstore

from colorize_service.server.storage.bucket_client import AWAY, as_ours, connect, reason_of
from colorize_service.server.storage.store import (
    PRIVATE,
    Found,
    Lifetime,
    Stored,
    StoreUnavailable,
    file_name,
    is_id,
    nobody,
)

log = logging.getLogger(__name__)

#: An operation that fails soon is tried so many times more.
RETRIES = 2
#: Most seconds in which nothing comes from a store that is read from, for one operation, and for a mere look at it.
READ_TIMEOUT, TIMEOUT, LOOK_TIMEOUT = 4, 10, 2
#: For so many seconds :meth:`BucketStorage.problem` believes what it has found out.
BELIEVED = 2.0

#: Most bytes of a file that are in memory while it is sent.
PIECE = 2**20


class BucketStorage:
    """A :class:`~colorize_service.server.storage.store.Storage` of objects ``PREFIX/COLLECTION/ID.jpg``.

    Random ids as keys need no conditional put. Credentials, endpoint and region come from the environment, under the
    names that the providers' own tools have; nothing of them is logged.
    """

    def __init__(self, url: str, lifetime: float | None = None):
        """
        Args:
            url: ``s3://BUCKET/PREFIX``, or with ``gs`` or ``az``; the prefix may be missing.
            lifetime: seconds for which a file is there; None: for ever.

        Raises:
            ValueError: if the environment has settings of the provider that cannot be used. Nothing is asked yet.
        """
        self._lifetime = Lifetime(lifetime)
        self._store = connect(url, RETRIES, TIMEOUT, READ_TIMEOUT)
        self._writing = connect(url, RETRIES, TIMEOUT, TIMEOUT)  # nothing is read while a file is on its way
        self._impatient = connect(url, 0, LOOK_TIMEOUT, LOOK_TIMEOUT)
        self._asking = threading.Lock()
        self._asked = -BELIEVED  # when, on the monotonic clock,
        self._problem: str | None = None  # and what came of it
        self._silent = False  # whether it was silent, and not heard of since

    def put(self, collection: str, data: bytes, file_id: str | None = None) -> str:
        """:meth:`put_all` for a single file."""
        return self.put_all({collection: data}, file_id)

    def put_all(self, files: Mapping[str, bytes], file_id: str | None = None) -> str:
        """Store a file in each of these collections; see :class:`~colorize_service.server.storage.store.Storage`."""
        name = file_id or str(uuid.uuid4())
        written = []
        try:
            for collection, data in files.items():
                self._put(_key(collection, name), data, _about(collection))
                written.append(collection)
        except StoreUnavailable:
            if file_id is None:
                for collection in written:
                    with contextlib.suppress(StoreUnavailable):
                        self.delete(collection, name)
            raise
        return name

    def get(self, collection: str, file_id: str, hold: Callable[[int], object] = nobody) -> bytes | None:
        """The bytes of a stored file, or None."""
        if not is_id(file_id):
            return None
        with self._answering(), contextlib.suppress(FileNotFoundError):
            found = obstore.get(self._store, _key(collection, file_id))
            if not self._lifetime.is_over(collection, found.meta["last_modified"].timestamp()):
                hold(found.meta["size"])
                return bytes(found.bytes())
        return None

    def open(self, collection: str, file_id: str) -> Stored | None:
        """What is known of a stored file, and how to read parts of it; or None."""
        if not is_id(file_id):
            return None
        key = _key(collection, file_id)
        with self._answering(), contextlib.suppress(FileNotFoundError):
            about = obstore.head(self._store, key)
            modified = about["last_modified"]
            if not self._lifetime.is_over(collection, modified.timestamp()):
                end = self._lifetime.end(collection, modified.timestamp())
                return Stored(about["size"], modified, end, partial(self._read, key), partial(self._link, key))
        return None

    def delete(self, collection: str, file_id: str) -> bool:
        """Delete a file; whether there was one."""
        there = self.open(collection, file_id) is not None
        if is_id(file_id):
            with self._answering(), contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, _key(collection, file_id))
        return there

    def files(self, collection: str) -> Iterator[Found]:
        """All files of a collection, expired ones too, in any order."""
        with self._answering():
            for objects in obstore.list(self._store, f"{collection}/"):
                for each in objects:
                    name = each["path"].rpartition("/")[2]
                    file_id = name.removesuffix(".jpg")
                    if is_id(file_id) and name == file_name(collection, file_id):
                        yield Found(file_id, each["size"], each["last_modified"].timestamp())

    def check_room(self, size: int = 0) -> None:
        """Whether the store answers; how much it holds is between the operator and its provider.

        Raises:
            StoreUnavailable
        """
        problem = self.problem()
        if problem:
            raise StoreUnavailable(problem)

    def problem(self) -> str | None:
        """Why the bucket cannot be listed, if it cannot. One thread asks in :data:`BELIEVED` seconds, without retries,
        and the others believe what was found before."""
        if time.monotonic() - self._asked >= BELIEVED and self._asking.acquire(blocking=False):
            try:
                with as_ours():
                    next(iter(obstore.list(self._impatient, "nothing/")), None)
                self._problem, self._silent = None, False
            except StoreUnavailable as error:
                self._problem = str(error)
            finally:
                self._asked = time.monotonic()
                self._asking.release()
        return self._problem

    def secrets(self) -> list[bytes]:
        """The objects in ``PREFIX/secrets``. The first call makes one; as no put is conditional, each of several
        replicas that call it at the same time makes its own, and all of them count."""
        found = self._secrets()
        if not found:
            self._put(f"secrets/{uuid.uuid4()}", secrets.token_bytes(32), {})
            found = self._secrets()
        return found

    def _secrets(self) -> list[bytes]:
        with self._answering():
            keys = sorted(each["path"] for objects in obstore.list(self._store, "secrets/") for each in objects)
            return [bytes(obstore.get(self._store, key).bytes()) for key in keys]

    def _put(self, key: str, data: bytes, about: Any) -> None:
        with self._answering():
            try:
                obstore.put(self._writing, key, data, attributes=about, use_multipart=False)
            except FileNotFoundError as error:  # there is no such bucket
                raise StoreUnavailable(reason_of(error)) from None

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Make what the store's client raises ours; FileNotFoundError stays.

        Where a store takes connections and says nothing, those who wait for it would become many: so from when one has
        waited in vain, nobody does but the one who asks whether it is back.
        """
        if self._silent and (problem := self.problem()) is not None:
            raise StoreUnavailable(problem)
        began = time.monotonic()
        try:
            with as_ours():
                yield
            self._has_answered()
        except FileNotFoundError:
            self._has_answered()
            raise
        except StoreUnavailable as error:
            if str(error) == AWAY and time.monotonic() - began >= READ_TIMEOUT:
                self._silent, self._problem, self._asked = True, AWAY, -BELIEVED
            raise

    def _has_answered(self) -> None:
        if self._problem == AWAY:
            self._problem, self._silent = None, False

    def _read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        # Each piece is a request of its own, so that none lasts as long as a slow client takes for all of them. The
        # first one is asked for here, while there is still another answer to give.
        pieces = [(at, min(at + PIECE, stop)) for at in range(start, stop, PIECE)]
        first = self._piece(key, *pieces[0]) if pieces else b""
        return chain([first], starmap(partial(self._piece, key), pieces[1:]))

    def _piece(self, key: str, start: int, stop: int) -> bytes:
        with self._answering():
            return bytes(obstore.get_range(self._store, key, start=start, end=stop))

    def _link(self, key: str, seconds: float) -> str:
        with self._answering():
            return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))


def _about(collection: str) -> Any:
    """What the bucket itself says of a file, where clients are sent there."""
    kind = "application/octet-stream" if collection in PRIVATE else "image/jpeg"
    return {"Content-Type": kind, "Cache-Control": "no-cache"}


def _key(collection: str, file_id: str) -> str:
    return f"{collection}/{file_name(collection, file_id)}"
