"""What keeps messages that are none of ours from Celery: whoever reaches the broker could stop workers with them.

Of the names of Celery and Kombu that are no public interface it overrides ``Consumer.create_task_handler``, where a
message reaches a worker, and ``Channel._brpop_read``, where it comes from Redis.
"""

import json
import logging
from collections.abc import Callable
from queue import Empty
from typing import Any

from celery.worker.consumer import Consumer
from kombu.transport import redis
from redis.exceptions import DataError

from colorize_service.server.fleet.line import TASK
from colorize_service.server.fleet.messages import NotOurs, read_task

log = logging.getLogger(__name__)

_DATA_ERRORS = (ValueError, TypeError, LookupError, AttributeError, RecursionError, DataError)
_MOST_BYTES = 256 * 1024  # a form's texts are less
_UNSET = {"eta": None, "expires": None, "group": None, "parent_id": None, "timelimit": [None, None]}
_EMBEDDED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class StrictConsumer(Consumer):  # type: ignore[misc]
    """Takes messages that are of the form in which ours are sent, and drops the others."""

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Called with a message of another content type, or one that cannot be decompressed."""
        log.warning("A message in the line is none of ours, and is dropped: %r", exc)
        message.reject_log_error(log, self.connection_errors)

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*arguments, **named)

        def handle_ours(message: Any) -> None:
            try:
                _check(message)
            except Exception as error:  # it may be anything
                log.warning("A message in the line is none of ours, and is dropped: %r", error)
                message.reject_log_error(log, self.connection_errors)
                return
            handle(message)

        return handle_ours


def _check(message: Any) -> None:
    if message.content_type != "application/json" or len(message.body) > _MOST_BYTES:
        raise NotOurs("It is no JSON, or too long.")
    arguments, named, embedded = json.loads(message.body)
    if message.headers["task"] != TASK or named or embedded != _EMBEDDED or len(arguments) != 1:
        raise NotOurs("It is another task.")
    if any(message.headers.get(name, unset) not in (unset, None) for name, unset in _UNSET.items()):
        raise NotOurs("It is to be done at another time.")
    task, _ = read_task(arguments[0])
    if message.headers["id"] != task.id:
        raise NotOurs("Its id is another.")


class StrictChannel(redis.Channel):  # type: ignore[misc]
    """Drops what is no message at all."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except _DATA_ERRORS as error:
            log.warning("What was in the line is no message, and is dropped: %r", error)
            raise Empty from None


class StrictTransport(redis.Transport):  # type: ignore[misc]
    """That of Redis, with a :class:`StrictChannel`."""

    Channel = StrictChannel
