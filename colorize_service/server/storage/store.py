"""What every store of pictures does, whether it is a folder or a bucket."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

#: JPEGs that the public may see.
PUBLIC = ("uploads", "results")
#: What clients have sent, in any format: ``originals`` beside their uploads, ``inbox`` on its way to who works on it.
PRIVATE = ("originals", "inbox")

RETRY_AFTER = 5  # seconds


def nobody(size: int) -> None:
    """Who need not be told how large a file is."""


class StoreUnavailable(Exception):
    """The store does not answer, or refuses this service. ``str()`` says for an operator why, without credentials."""

    retry_after = RETRY_AFTER


@dataclass(frozen=True)
class Stored:
    """A file that is there. Nothing of its content has been read yet.

    Attributes:
        size: in bytes.
        modified: when it was stored, with a time zone, to the second or finer.
        expires: from when on it counts as gone, in seconds since the epoch; None: never.
        content: the path of a file on this machine; or a function that gives the bytes from a first position to before
            a second one, in pieces, and asks for no more. It raises FileNotFoundError if the file has gone meanwhile,
            and StoreUnavailable, when it is called.
        link: makes an address that is good for so many seconds, for whoever has it; None where there are none.
    """

    size: int
    modified: datetime
    expires: float | None
    content: Path | Callable[[int, int], Iterator[bytes]]
    link: Callable[[float], str] | None = None


class Found(NamedTuple):
    """A stored file in a list: its id, its size in bytes, and when it was stored, in seconds since the epoch."""

    file_id: str
    size: int
    modified: float


class Storage(Protocol):
    """Files by collection and id, that several workers and replicas share.

    The collections are those of :data:`PUBLIC` and :data:`PRIVATE`. An id is a version 4 UUID in its usual form;
    another text names nothing. A file is whole or not there. Where files have a lifetime, those that are older count as
    gone, also before they are deleted.

    All but :meth:`problem` raise StoreUnavailable if the store does not answer, and a folder OSError.
    """

    def put(self, collection: str, data: bytes, file_id: str | None = None) -> str:
        """:meth:`put_all` for a single file."""

    def put_all(self, files: Mapping[str, bytes], file_id: str | None = None) -> str:
        """Store a file in each of these collections, for good and in this order; if one fails, none is kept.

        Args:
            file_id: what they are to be called, for work that may be done twice: the later file replaces the earlier,
                and that one stays if the later fails. None: a new random id.

        Returns:
            The id that they have in common.

        Raises:
            StorageFull: if there is no room for them.
        """

    def get(self, collection: str, file_id: str, hold: Callable[[int], object] = nobody) -> bytes | None:
        """The bytes of a stored file, or None.

        Args:
            hold: told how many bytes they are before they are read; what it raises is raised.
        """

    def open(self, collection: str, file_id: str) -> Stored | None:
        """What is known of a stored file, and how to read it; or None."""

    def delete(self, collection: str, file_id: str) -> bool:
        """Delete a file; whether there was one. One that has expired is deleted, and was not there."""

    def files(self, collection: str) -> Iterator[Found]:
        """All files of a collection, expired ones too, in any order."""

    def check_room(self, size: int = 0) -> None:
        """Whether so many bytes could be stored now; for before work is done whose result is stored.

        Raises:
            StorageFull
        """

    def problem(self) -> str | None:
        """Why nothing can be stored or read now, for an operator; None if it can. Cheap: asks once in a while."""

    def secrets(self) -> list[bytes]:
        """Random secrets that all who share the store have, for nobody else: any of them counts, the first is to be
        used. The first call makes one. There are several where several replicas called at the same time."""


def is_id(text: str) -> bool:
    """Whether ``text`` is a version 4 UUID written as :func:`uuid.uuid4` writes it (RFC 9562, lower case)."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return False
    return value.version == 4 and str(value) == text


def file_name(collection: str, file_id: str) -> str:
    """What a file is called in its collection: ``ID.jpg`` if the public may see it, else ``ID``."""
    return file_id if collection in PRIVATE else f"{file_id}.jpg"


@dataclass(frozen=True)
class Lifetime:
    """How long files are kept.

    Attributes:
        seconds: from when they were stored; None: for ever. What is in ``inbox`` has none: it is deleted by who has
            worked on it.
    """

    seconds: float | None = None

    def end(self, collection: str, modified: float) -> float | None:
        """From when on a file counts as gone, both in seconds since the epoch; None: never."""
        return None if self.seconds is None or collection == "inbox" else modified + self.seconds

    def is_over(self, collection: str, modified: float) -> bool:
        """Whether a file counts as gone."""
        end = self.end(collection, modified)
        return end is not None and end <= time.time()
