"""``colorize worker``: takes photos from the line, one model for all its threads, and tells what has become of them."""

import logging
import logging.config
import time
import warnings
from typing import Any

from celery import Celery, Task, signals
from celery.exceptions import CPendingDeprecationWarning, Reject, SecurityWarning

from colorize_service.process import prepare_process
from colorize_service.server import traces
from colorize_service.server.app import local_engine
from colorize_service.server.fleet.board import Board, BoardError
from colorize_service.server.fleet.figures import WorkerFigures, serve
from colorize_service.server.fleet.line import QUEUE, TASK, Line, celery_app
from colorize_service.server.fleet.presence import Presence
from colorize_service.server.fleet.store import LONG, Store
from colorize_service.server.fleet.sweeping import Sweeper
from colorize_service.server.fleet.work import Held, Work
from colorize_service.server.logs import logging_config
from colorize_service.server.metrics import Metrics
from colorize_service.server.settings import Settings, SettingsError
from colorize_service.server.stores import open_storage

log = logging.getLogger(__name__)

_HELD_SECONDS = 1.0


def run() -> int:
    """Load the model and work until a signal says to stop; then finish what is in work.

    Returns:
        The process's exit status.

    Raises:
        SettingsError
    """
    settings = Settings.load(app_check=False)  # nobody sends tokens here
    if not settings.broker:
        raise SettingsError("BROKER_URL is missing: set it to the broker that the API processes have.")
    prepare_process()
    logging.config.dictConfig(logging_config(settings.log_level, settings.log_format))
    logging.getLogger("celery").setLevel(logging.WARNING)
    traces.begin(settings, "colorize-worker")
    storage, metrics = open_storage(settings), Metrics()
    engine, queue = local_engine(settings, storage, metrics)
    engine.load()
    if engine.problem:
        return 1
    app = celery_app(settings)
    board = Board(settings.replies)
    figures = WorkerFigures(metrics.registry, engine.describe().version)
    store = Store(storage, figures, LONG)
    line = QUEUE if settings.replies == settings.broker else None
    presence = Presence(board, Line(app), line, store, engine.describe(), settings.max_attempts)
    serve(metrics.registry, settings.metrics_host, settings.metrics_port)
    Sweeper(storage, board).start()
    _add_task(app, Work(settings, engine, store, board, presence, figures))
    status = _consume(app, presence, queue.in_work)
    presence.end()
    return status


def _add_task(app: Celery, work: Work) -> None:
    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator]
    def photo(self: Task, message: object) -> None:
        try:
            with traces.span(f"process {QUEUE}", "consumer", self.request.get(traces.HEADER)):
                work.do(message)
        except Held:
            time.sleep(_HELD_SECONDS)
            raise Reject(requeue=True) from None
        except BoardError as error:
            raise Reject(str(error), requeue=True) from error


def _consume(app: Celery, presence: Presence, threads: int) -> int:
    """Take photos, so many at a time, until a signal comes and what is in work is done."""

    def ready(**_: Any) -> None:
        presence.ready()
        log.info("Ready: takes %d photos at a time.", threads)

    def leave(**_: Any) -> None:
        presence.leave()

    def keep_logging(**_: Any) -> None:
        """Celery's own set-up of the log is left out where somebody listens to this."""

    signals.setup_logging.connect(keep_logging)
    signals.worker_ready.connect(ready)
    signals.worker_shutting_down.connect(leave)
    # Advice for those who configure Celery themselves: of root, and of what it does where connections are lost.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    worker = app.Worker(
        pool="threads",
        concurrency=threads,
        hostname=f"{QUEUE}@{presence.name}",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)  # it has just been made to be shown
    worker.start()
    return int(worker.exitcode or 0)
