"""The engine of one process: a model bundle, loaded in the background, and the queue in front of it."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from colorize_service.bundle import Bundle, BundleError, Manifest
from colorize_service.colorizer import Colorizer
from colorize_service.imaging import Photo
from colorize_service.inference.model import Model, Setup, check_suggests, check_taken, load_model
from colorize_service.inference.session import DeviceUnavailable, OutOfMemory
from colorize_service.inference.turn import Turn
from colorize_service.likely import LikelyColour
from colorize_service.options import Options
from colorize_service.server import traces
from colorize_service.server.engines.protocol import Description, Problem, Times
from colorize_service.server.logs import note
from colorize_service.server.metrics import Metrics
from colorize_service.server.queue import WorkQueue
from colorize_service.server.storage.store import Storage

log = logging.getLogger(__name__)

Stored = TypeVar("Stored")
Value = TypeVar("Value")

LOADING_RETRY_AFTER = 5
FAILED_RETRY_AFTER = 300


class _Done(Protocol):
    """What a colorizer has made of a photo."""

    @property
    def pixels(self) -> int: ...

    @property
    def model_seconds(self) -> float: ...


Done = TypeVar("Done", bound=_Done)


@dataclass(frozen=True)
class _Loaded:
    """A model that is there, in what works with it, and what it is."""

    colorizer: Colorizer
    description: Description


class LocalEngine:
    """The model of a process. It is loaded in a thread of its own that :meth:`start` starts, once in a process.

    See :class:`~colorize_service.server.engines.protocol.Engine`.
    """

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        queue: WorkQueue,
        colorizer: Callable[[Model], Colorizer],
        storage: Storage,
        metrics: Metrics,
    ):
        """
        Args:
            folder: of the bundle.
            queue: its turns are those of the photos to colorize.
            colorizer: makes the colorizer of the loaded model.
            storage: takes the results.
        """
        self._folder, self._setup, self._queue, self._make_colorizer = folder, setup, queue, colorizer
        self._storage, self._metrics = storage, metrics
        self._started_in: int | None = None
        self._lock = threading.Lock()
        self._state: _Loaded | Problem = Problem("The model is still being loaded.", LOADING_RETRY_AFTER)

    def start(self) -> None:
        """Begin to load the model, if this process has not begun yet."""
        with self._lock:
            if self._started_in == os.getpid():
                return
            self._started_in = os.getpid()
        threading.Thread(target=self.load, name="load-model", daemon=True).start()

    @property
    def problem(self) -> Problem | None:
        """None if the model is loaded, else why it is not."""
        state = self._state
        return state if isinstance(state, Problem) else None

    def describe(self) -> Description:
        """See :class:`Engine`."""
        return self._loaded().description

    def check_taken(self, options: Iterable[str]) -> None:
        """See :class:`Engine`."""
        check_taken(self.describe(), options)

    def check_suggests(self) -> None:
        """See :class:`Engine`."""
        check_suggests(self.describe())

    def check_queue(self) -> None:
        """See :class:`Engine`."""
        self._loaded()
        self._queue.check()

    def colorize(
        self, photo: Photo, options: Options, abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> str:
        """See :class:`Engine`."""
        result_id, times = self.work(photo, options, abandoned, partial(self._storage.put, "results"))
        note(**times.notes())
        return result_id

    def likely_colours(
        self, photo: Photo, place: tuple[float, float], abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> list[LikelyColour]:
        """See :class:`Engine`."""
        colours, times = self.suggest(photo, place, abandoned)
        note(**times.notes())
        return colours

    def work(
        self, photo: Photo, options: Options, abandoned: Callable[[], bool], store: Callable[[bytes], Stored]
    ) -> tuple[Stored, Times]:
        """Colorize a photo in its turn.

        Args:
            store: called with the result's bytes, within the turn: where the store is slow, results that wait for it
                would fill the memory.

        Returns:
            What ``store`` returns, and what the photo took without it.

        Raises:
            NotLoaded
            ImageError, Busy, Abandoned: as :meth:`colorize`.
        """
        return self._in_turn(
            abandoned,
            lambda colorizer, turn: colorizer.colorize(photo, options, turn),
            lambda result: store(result.file),
        )

    def suggest(
        self, photo: Photo, place: tuple[float, float], abandoned: Callable[[], bool]
    ) -> tuple[list[LikelyColour], Times]:
        """The likely colours at a place of a photo, found in its turn, and what they took.

        Raises:
            NotLoaded
            NothingSuggested, ImageError, Busy, Abandoned: as :meth:`likely_colours`.
        """
        return self._in_turn(
            abandoned,
            lambda colorizer, turn: colorizer.likely_colours(photo, *place, turn),
            lambda suggestion: suggestion.colours,
        )

    def _in_turn(
        self, abandoned: Callable[[], bool], work: Callable[[Colorizer, Turn], Done], value: Callable[[Done], Value]
    ) -> tuple[Value, Times]:
        """Work on a photo in its turn: the ``value`` of what comes of it, also made within the turn, and the times."""
        colorizer = self._loaded().colorizer
        came = time.perf_counter()
        with ExitStack() as stack:
            with traces.span("queue"):
                turn = stack.enter_context(self._queue.turn(abandoned))
            began = time.perf_counter()
            self._metrics.queue_seconds.observe(began - came)
            with traces.span("work"):
                done = work(colorizer, turn)
                traces.mark(pixels=done.pixels, engine_ms=round(done.model_seconds * 1000, 1))
            self._metrics.engine_seconds.observe(done.model_seconds)
            times = Times(done.pixels, began - came, time.perf_counter() - began, done.model_seconds)
            return value(done), times

    def _loaded(self) -> _Loaded:
        state = self._state
        if isinstance(state, Problem):
            raise state.error()
        return state

    def load(self) -> None:
        """Load the model now. What goes wrong is the :attr:`problem`, and said in the log."""
        started = time.monotonic()
        try:
            bundle = Bundle(self._folder)
            model = load_model(bundle, self._setup)
        except Exception as error:
            # Whatever the reason, the service stays up to say it: /health, uploads and stored files need no model.
            known = isinstance(error, (BundleError, DeviceUnavailable, OutOfMemory))
            log.error("The model bundle cannot be loaded: %s", error, exc_info=not known)
            self._state = Problem("The model cannot be loaded; the server's log says why.", FAILED_RETRY_AFTER)
            return
        self._queue.widen(model.turns)
        self._state = _Loaded(self._make_colorizer(model), _description(model, bundle.manifest))
        self._metrics.model_is_loaded()
        manifest, seconds = bundle.manifest, time.monotonic() - started
        log.info("Loaded %s %s (%s) in %.2f s.", manifest.name, manifest.version, manifest.licence, seconds)


def _description(model: Model, manifest: Manifest) -> Description:
    defaults = asdict(model.defaults)
    return Description(
        name=manifest.name,
        version=manifest.version,
        kind=manifest.kind,
        title=model.title,
        device=model.device,
        precision=manifest.precision,
        processing_size=model.processing_size(1, 1),
        fields={name: defaults[name] for name in model.takes},
        suggests=model.suggests,
    )
