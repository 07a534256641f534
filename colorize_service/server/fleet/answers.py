"""Answers to repeated requests, on the board of a fleet: replicas need share nothing else."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import cast

import msgspec

from colorize_service.inference.turn import LOOK_SECONDS
from colorize_service.server.answers import LIFETIME, Answer, Claim, OtherRequest
from colorize_service.server.fleet.board import BoardError, connect
from colorize_service.server.fleet.outcomes import unreachable

#: Seconds after which a key is free again whose process says no more that it works on its request.
LEASE_SECONDS = 10
#: Seconds between two such words.
RENEW_SECONDS = 2.0
_PREFIX = "colorize:answer:"

# Act on a key if it is still the holder's: KEYS[1] the key, ARGV[1] what the holder has written.
_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
_KEEP = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[3]) return 1 end "
    "return 0"
)


class _Record(msgspec.Struct):
    """What a key has; ``answer`` is None while ``holder`` works on its request."""

    request: str
    holder: str
    answer: Answer | None = None


class _Kept:
    """A key that has its answer."""

    def __init__(self, answer: Answer):
        self.answer: Answer | None = answer

    def keep(self, answer: Answer) -> None:
        raise AssertionError("It has an answer.")


class _Held:
    """A key that is held, until its answer is kept."""

    def __init__(self, of: "AnswersOnBoard", name: str, record: _Record):
        self._of, self._name, self._record = of, name, record
        self.answer: Answer | None = None

    def keep(self, answer: Answer) -> None:
        """See :class:`~colorize_service.server.answers.Claim`. If the board is away, the answer is not kept."""
        self.answer = answer
        with contextlib.suppress(BoardError):
            self._of.replace(self._name, self._record, _Record(self._record.request, "", answer))


class AnswersOnBoard:
    """See :class:`~colorize_service.server.answers.Answers`.

    Who works on a request renews its key's lease, in one thread for all of a process. All methods raise Busy if the
    board cannot be reached.
    """

    def __init__(self, url: str):
        """
        Args:
            url: ``redis://`` or ``rediss://``.
        """
        self._redis = connect(url)
        self._held: dict[str, bytes] = {}  # what is written in each key that is held
        self._lock = threading.Lock()
        self._renewing: threading.Thread | None = None
        self._renew, self._release, self._replace = map(self._redis.register_script, (_RENEW, _RELEASE, _KEEP))

    def known(self, name: str) -> bool:
        """See :class:`Answers`."""
        try:
            return bool(self._redis.exists(_PREFIX + name))
        except BoardError as error:
            raise unreachable(error) from error

    @contextlib.contextmanager
    def claim(self, name: str, request: str, wait: Callable[[], object]) -> Iterator[Claim]:
        """See :class:`Answers`."""
        record = _Record(request, uuid.uuid4().hex)
        try:
            found = self._take(name, record, wait)
        except BoardError as error:
            raise unreachable(error) from error
        if found is not None:
            yield _Kept(found)
            return
        held = _Held(self, name, record)
        try:
            yield held
        finally:
            with self._lock:
                written = self._held.pop(name)
            if held.answer is None:
                with contextlib.suppress(BoardError):  # it lapses by itself
                    self._release([_PREFIX + name], [written])

    def replace(self, name: str, held: _Record, kept: _Record) -> None:
        """Write the answer of a key that is still held."""
        self._replace([_PREFIX + name], [msgspec.json.encode(held), msgspec.json.encode(kept), int(LIFETIME)])

    def _take(self, name: str, record: _Record, wait: Callable[[], object]) -> Answer | None:
        """Hold the key, or get its answer."""
        written = msgspec.json.encode(record)
        while not self._redis.set(_PREFIX + name, written, nx=True, ex=LEASE_SECONDS):
            found = self._read(name)
            if found is not None and found.request != record.request:
                raise OtherRequest
            if found is not None and found.answer is not None:
                return found.answer
            wait()
            time.sleep(LOOK_SECONDS)
        with self._lock:
            self._held[name] = written
            if self._renewing is None or not self._renewing.is_alive():  # a fork leaves its parent's behind
                self._renewing = threading.Thread(target=self._go_on, name="renew-answers", daemon=True)
                self._renewing.start()
        return None

    def _read(self, name: str) -> _Record | None:
        data = cast("bytes | None", self._redis.get(_PREFIX + name))
        try:
            return None if data is None else msgspec.json.decode(data, type=_Record)
        except msgspec.DecodeError:  # none of ours; it lapses or stays, and the key cannot be used
            raise OtherRequest from None

    def _go_on(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._lock:
                held = dict(self._held)
                if not held:
                    self._renewing = None
                    return
            for name, written in held.items():
                with contextlib.suppress(BoardError):
                    self._renew([_PREFIX + name], [written, LEASE_SECONDS])
