"""The line of photos on the broker, by Celery."""

import time
from typing import Any

import msgspec
from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from colorize_service.server import traces
from colorize_service.server.fleet.messages import Task
from colorize_service.server.settings import Settings

#: Of the queue on the broker, and of the one task in it.
QUEUE = "colorize"
TASK = "colorize.photo"
_STRICT = "colorize_service.server.fleet.strict"


class LineError(Exception):
    """The broker cannot be reached."""


def celery_app(settings: Settings) -> Celery:
    """Celery, set up so that a message is JSON, acknowledged when its photo is done, and obeyed by nobody else."""
    url = settings.broker
    app = Celery("colorize", broker=url, set_as_current=False)
    if not url.startswith("amqp"):
        app.conf.broker_transport = f"{_STRICT}:StrictTransport"
    app.conf.update(
        worker_consumer=f"{_STRICT}:StrictConsumer",
        task_queues=[Queue(QUEUE, durable=True)],
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # A shut-down, or more, for whoever can write to the broker.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_timeout=2,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_heartbeat=10,
        broker_transport_options=_options(url, settings.work_timeout),
    )
    return app


def _options(url: str, work_timeout: float) -> dict[str, Any]:
    if url.startswith("amqp"):
        return {"confirm_publish": True, "connect_timeout": 2}
    # All three, or one of Celery's own counts; see celery #5935. Nobody who waits depends on it: a worker that is dead
    # is known by its lease.
    visibility = {"visibility_timeout": max(60, int(2 * work_timeout))}
    return visibility | {
        "result_backend_transport_options": visibility,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "retry_on_timeout": False,
    }


class Line:
    """The end of the line at which photos come in."""

    def __init__(self, app: Celery):
        self._app = app

    def send(self, task: Task, seconds: float) -> None:
        """Put a photo at the end of the line.

        Args:
            seconds: how long it is worth anything, for a broker that forgets by itself.

        Raises:
            LineError
        """
        for tries_left in (2, 1, 0):
            try:
                with traces.span(f"send {QUEUE}", "producer", photo=task.id):
                    self._send(task, seconds)
                return
            except (OperationalError, OSError) as error:
                if not tries_left:
                    raise LineError(str(error)) from error
                time.sleep(0.05)  # a connection of the pool from before the broker was restarted

    def _send(self, task: Task, seconds: float) -> None:
        self._app.send_task(
            TASK,
            [msgspec.to_builtins(task)],
            task_id=task.id,
            queue=QUEUE,
            retry=False,
            expiration=seconds,
            headers=traces.headers(),
        )
