"""Pictures by id, in a bucket of an object store that any number of replicas share: S3, Google Cloud, Azure."""

import contextlib
import logging
import os
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import chain, starmap
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store, from_url

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

#: An operation is tried so many times more, within this time in seconds.
RETRIES, RETRY_FOR = 2, 30
#: Most seconds for a connection, and for one try of an operation.
CONNECT_TIMEOUT, TIMEOUT = 2, 10
#: For so many seconds :meth:`BucketStorage.problem` believes what it has found out.
BELIEVED = 2.0

#: Most bytes of a file that are in memory while it is sent.
PIECE = 2**20

_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "GOOGLE_BASE_URL")
_STATUS = re.compile(r"non-2xx status code: (\d{3} [A-Z][A-Za-z ]*[a-z])")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")


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
        self._store = _connect(url, RETRIES, TIMEOUT)
        self._impatient = _connect(url, 0, CONNECT_TIMEOUT)
        self._asking = threading.Lock()
        self._asked = -BELIEVED  # when, on the monotonic clock,
        self._problem: str | None = None  # and what came of it

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
        with _answering(), contextlib.suppress(FileNotFoundError):
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
        with _answering(), contextlib.suppress(FileNotFoundError):
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
            with _answering(), contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, _key(collection, file_id))
        return there

    def files(self, collection: str) -> Iterator[Found]:
        """All files of a collection, expired ones too, in any order."""
        with _answering():
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
                with _answering():
                    next(iter(obstore.list(self._impatient, "nothing/")), None)
                self._problem = None
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
        with _answering():
            keys = sorted(each["path"] for objects in obstore.list(self._store, "secrets/") for each in objects)
            return [bytes(obstore.get(self._store, key).bytes()) for key in keys]

    def _put(self, key: str, data: bytes, about: Any) -> None:
        with _answering():
            try:
                obstore.put(self._store, key, data, attributes=about, use_multipart=False)
            except FileNotFoundError as error:  # there is no such bucket
                raise StoreUnavailable(_reason(error)) from None

    def _read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        # Each piece is a request of its own, so that none lasts as long as a slow client takes for all of them. The
        # first one is asked for here, while there is still another answer to give.
        pieces = [(at, min(at + PIECE, stop)) for at in range(start, stop, PIECE)]
        first = self._piece(key, *pieces[0]) if pieces else b""
        return chain([first], starmap(partial(self._piece, key), pieces[1:]))

    def _piece(self, key: str, start: int, stop: int) -> bytes:
        with _answering():
            return bytes(obstore.get_range(self._store, key, start=start, end=stop))

    def _link(self, key: str, seconds: float) -> str:
        with _answering():
            return obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))


def _about(collection: str) -> Any:
    """What the bucket itself says of a file, where clients are sent there."""
    kind = "application/octet-stream" if collection in PRIVATE else "image/jpeg"
    return {"Content-Type": kind, "Cache-Control": "no-cache"}


def _key(collection: str, file_id: str) -> str:
    return f"{collection}/{file_name(collection, file_id)}"


def _connect(url: str, retries: int, timeout: float) -> S3Store | GCSStore | AzureStore:
    # A request is signed, but what it brings could be read on the way; so only where the operator has written `http:`.
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    how: dict[str, Any] = {
        "client_options": {
            "allow_http": plain,
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT),
            "timeout": timedelta(seconds=timeout),
        },
        "retry_config": {"max_retries": retries, "retry_timeout": timedelta(seconds=RETRY_FOR)},
    }
    if urlsplit(url).scheme == "s3":  # not all that speak S3 delete several files at once, which obstore asks for
        how["config"] = {"disable_bulk_delete": True}
    try:
        return from_url(url, **how)  # type: ignore[return-value]  # by the scheme it is one of these
    except BaseError as error:
        raise ValueError(_without_credentials(str(error).partition("\n")[0])) from None


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Make what the store's client raises ours; FileNotFoundError stays."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        # Not `from error`: what a store answers may name keys.
        raise StoreUnavailable(_reason(error)) from None


def _reason(error: Exception) -> str:
    """What went wrong, without anything that a store or an address could have of credentials in it."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    said = " ".join(match[1] for match in (status, code) if match)
    if said:
        return f"it answered {said}"
    return "it cannot be reached" if "HTTP error" in text else type(error).__name__


def _without_credentials(text: str) -> str:
    for name, value in os.environ.items():
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")) and len(value) > 3:
            text = text.replace(value, f"({name})")
    return text
