"""The board: what is known of photos and workers, in Redis or Valkey, for all API processes and workers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from colorize_service.server.engines.protocol import Description
from colorize_service.server.fleet import scripts
from colorize_service.server.fleet.messages import Outcome, pack, read_description, read_outcome

BoardError = redis.RedisError

#: Seconds after which a photo is dropped for which nobody has said that he waits.
WANTED_SECONDS = 5
#: Seconds after which a worker that has not said that it lives has lost its photos.
LEASE_SECONDS = 5
#: Seconds after which a worker counts no more as ready.
WORKER_SECONDS = 15
#: Seconds for which a job is kept, done or not.
JOB_SECONDS = 24 * 3600
#: Seconds after which a message that is neither in the line nor with a worker is lost.
MESSAGE_SECONDS = 5
#: Seconds that one has to send a lost job again.
RESEND_SECONDS = 10
#: Seconds for which it is remembered that a photo is finished.
_REMEMBERED = 300
_PREFIX = "colorize:"


@dataclass(frozen=True)
class Progress:
    """Of a photo that somebody waits for.

    Attributes:
        state: ``dead``: its worker is; ``forgotten``: the board did not know it; both are said once.
        attempts: how often it was begun.
    """

    state: Literal["queued", "begun", "finished", "dead", "forgotten"]
    attempts: int


@dataclass(frozen=True)
class Claim:
    """What a worker is to do with a photo.

    Attributes:
        state: ``yours``: work; ``gone``: nobody wants it; ``finished``: it is done; ``held``: another has it in work;
            ``worn``: it has been begun too often.
        attempts: how often it was begun, this time included.
    """

    state: Literal["yours", "gone", "finished", "held", "worn"]
    attempts: int


def connect(url: str) -> redis.Redis:
    """A client of Redis or Valkey for those who have a deadline of their own: nothing is tried again here, and no read
    takes longer than a moment."""
    return redis.Redis.from_url(
        url, socket_timeout=3, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0), health_check_interval=0
    )


class Board:
    """Its methods may be called from any thread, and raise :data:`BoardError` if it cannot be reached."""

    def __init__(self, url: str):
        """
        Args:
            url: ``redis://`` or ``rediss://``. It is connected to at the first call.
        """
        self._redis = connect(url)
        self._scripts: dict[str, Any] = {}

    # Those who wait

    def admit(self, photo_id: str, most: int, job: bytes | None = None) -> bool:
        """Let a photo wait if fewer than ``most`` do.

        Args:
            job: its task, if nobody holds a connection for it.
        """
        seconds = WANTED_SECONDS if job is None else JOB_SECONDS
        keys = self._keys(photo_id, "line", "wanted", "job", "jobs", "sent")
        return bool(self._run(scripts.ADMIT, keys, photo_id, most, seconds, job or b"", MESSAGE_SECONDS))

    def wait(self, photo_id: str, seconds: float) -> Outcome | None:
        """The outcome, if it comes in this time.

        Raises:
            NotOurs: if what came is none.
        """
        reply = cast(Any, self._redis.blpop(self._keys(photo_id, "reply"), timeout=seconds))
        return read_outcome(reply[1]) if reply else None

    def renew(self, photo_id: str, judge: bool = True) -> Progress:
        """Say that somebody still waits.

        Args:
            judge: whether a worker that has not said that it lives is dead.
        """
        keys = self._keys(photo_id, "line", "wanted", "photo", "lease", "reply", "workers")
        state, attempts = self._run(scripts.RENEW, keys, photo_id, WANTED_SECONDS, int(judge))
        return Progress(state.decode(), attempts)

    def withdraw(self, photo_id: str) -> None:
        """Nobody waits any more."""
        with self._redis.pipeline() as pipe:
            wanted, line, reply, photo = self._keys(photo_id, "wanted", "line", "reply", "photo")
            pipe.delete(wanted, reply, photo)
            pipe.zrem(line, photo_id)
            pipe.execute()

    def job(self, photo_id: str) -> tuple[str, Outcome | None]:
        """The state of a job, ``unknown``, ``queued``, ``working`` or ``ended``, and its outcome."""
        keys = self._keys(photo_id, "line", "wanted", "photo", "lease", "job")
        state, outcome = self._run(scripts.JOB, keys, photo_id)
        return state.decode(), read_outcome(outcome) if outcome else None

    def cancel(self, photo_id: str, outcome: Outcome) -> bool:
        """Give a job this outcome if it has none; False if there is no such job."""
        keys = self._keys(photo_id, "photo", "job", "wanted", "line", "jobs")
        return bool(self._run(scripts.CANCEL, keys, photo_id, pack(outcome), _REMEMBERED))

    # Workers

    def claim(self, photo_id: str, holder: str, most_attempts: int) -> Claim:
        """Take a photo into work, if it is to be."""
        keys = self._keys(photo_id, "line", "wanted", "photo", "lease", "job")
        arguments = (photo_id, holder, LEASE_SECONDS, most_attempts, JOB_SECONDS)
        state, attempts = self._run(scripts.CLAIM, keys, *arguments)
        return Claim(state.decode(), attempts)

    def hold(self, leases: Iterable[tuple[str, str]]) -> None:
        """Say of photos in work, with their holders, that their worker lives."""
        with self._redis.pipeline(transaction=False) as pipe:
            for photo_id, holder in leases:
                pipe.set(self._keys(photo_id, "lease")[0], holder, ex=LEASE_SECONDS)
            pipe.execute()

    def release(self, photo_id: str) -> None:
        """A photo is not in work any more, and not finished."""
        lease, photo, jobs = self._keys(photo_id, "lease", "photo", "jobs")
        with self._redis.pipeline() as pipe:
            pipe.delete(lease)
            pipe.hdel(photo, "begun")
            pipe.srem(jobs, photo_id)
            pipe.execute()

    def lose(self, photo_id: str) -> bool:
        """The photo itself is not there: whoever waits hears of it as ``forgotten``. False for a job, for which nobody
        does."""
        self.release(photo_id)
        wanted, job = self._keys(photo_id, "wanted", "job")
        if self._redis.exists(job):
            return False
        self._redis.delete(wanted)
        return True

    def finish(self, photo_id: str, outcome: Outcome) -> bool:
        """Say what has become of a photo, unless that has been said; False if it is a job that has been cancelled."""
        keys = self._keys(photo_id, "photo", "lease", "reply", "job", "jobs", "wanted", "line")
        found: int = self._run(scripts.FINISH, keys, photo_id, pack(outcome), _REMEMBERED)
        return found != -1

    def is_wanted(self, photo_id: str) -> bool:
        """Whether somebody waits."""
        return bool(self._redis.exists(*self._keys(photo_id, "wanted")))

    def unwanted(self, photo_ids: Iterable[str]) -> set[str]:
        """Those for which nobody waits."""
        ids = list(photo_ids)
        with self._redis.pipeline(transaction=False) as pipe:
            for photo_id in ids:
                pipe.exists(*self._keys(photo_id, "wanted"))
            return {photo_id for photo_id, waits in zip(ids, pipe.execute(), strict=True) if not waits}

    def lost_jobs(self, queue: str | None) -> list[tuple[str, bytes, int]]:
        """Jobs whose workers are dead, or whose messages are nowhere: id, task and how often it was begun.

        Each is said to one caller, and again after :data:`RESEND_SECONDS`, unless that one has called
        :meth:`sent_again`.

        Args:
            queue: the line, if its messages are on this server. Redis hands a message over by ``BRPOP``; one on its way
                to a worker whose connection breaks is nowhere. RabbitMQ keeps it.
        """
        keys = [*self._keys("", "jobs"), queue or ""]
        found = self._run(scripts.LOST_JOBS, keys, _PREFIX, RESEND_SECONDS, int(queue is not None))
        return [(photo_id.decode(), task, int(attempts or 0)) for photo_id, task, attempts in found]

    def sent_again(self, photo_id: str) -> None:
        """A lost job waits for a worker again."""
        job, sent = self._keys(photo_id, "job", "sent")
        with self._redis.pipeline() as pipe:
            pipe.hdel(job, "lost")
            pipe.set(sent, 1, ex=MESSAGE_SECONDS)
            pipe.execute()

    def announce(self, worker: str, description: Description) -> None:
        """A worker is ready, for the next :data:`WORKER_SECONDS`."""
        keys = [*self._keys("", "workers"), f"{_PREFIX}worker:{worker}"]
        self._run(scripts.ANNOUNCE, keys, worker, pack(description), WORKER_SECONDS)

    def leave(self, worker: str) -> None:
        """A worker takes no more photos."""
        with self._redis.pipeline() as pipe:
            pipe.zrem(f"{_PREFIX}workers", worker)
            pipe.delete(f"{_PREFIX}worker:{worker}")
            pipe.execute()

    def messages(self, queue: str) -> int:
        """How many messages wait in a line of Celery's on this server."""
        return self._redis.llen(queue)

    def overview(self) -> tuple[int, list[Description]]:
        """How many photos wait for a worker, and what each worker that is ready tells of its model."""
        waiting, workers = self._run(scripts.OVERVIEW, self._keys("", "line", "workers"), _PREFIX)
        return waiting, [each for each in map(read_description, workers) if each is not None]

    def _keys(self, photo_id: str, *names: str) -> list[str]:
        return [_PREFIX + (name if name in ("line", "jobs", "workers") else f"{name}:{photo_id}") for name in names]

    def _run(self, script: str, keys: list[str], *arguments: Any) -> Any:
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        return self._scripts[script](keys=keys, args=arguments)
