"""The engine: a model bundle, loaded in the background, and the queue in front of it."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from colorize_service.bundle import Bundle, BundleError, Manifest
from colorize_service.colorizer import Colorizer
from colorize_service.inference.model import Model, Setup, check_taken, load_model
from colorize_service.inference.session import DeviceUnavailable, OutOfMemory
from colorize_service.inference.turn import Busy
from colorize_service.server.queue import WorkQueue

log = logging.getLogger(__name__)

LOADING_RETRY_AFTER = 5
FAILED_RETRY_AFTER = 300


class NotLoaded(Busy):
    """The model is not loaded yet, or cannot be."""


@dataclass(frozen=True)
class Problem:
    """Why the model is not there: a sentence for a client, and after how many seconds he may ask again."""

    sentence: str
    retry_after: int


@dataclass(frozen=True)
class Loaded:
    """A model that is there, in what works with it, and its bundle's manifest."""

    colorizer: Colorizer
    manifest: Manifest


class Engine:
    """The model of a process. It is loaded in a thread of its own that :meth:`start` starts, once in a process."""

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        queue: WorkQueue,
        colorizer: Callable[[Model], Colorizer],
        loaded: Callable[[], None] = lambda: None,
    ):
        """
        Args:
            folder: of the bundle.
            queue: its turns are those of the photos to colorize.
            colorizer: makes the colorizer of the loaded model.
            loaded: called once, in the loading thread, when the model is there.
        """
        self._folder, self._setup, self._queue = folder, setup, queue
        self._make_colorizer, self._tell = colorizer, loaded
        self._started_in: int | None = None
        self._lock = threading.Lock()
        self._state: Loaded | Problem = Problem("The model is still being loaded.", LOADING_RETRY_AFTER)
        self.turn = queue.turn
        self.check_queue = queue.check

    def start(self) -> None:
        """Begin to load the model, if this process has not begun yet (a fork leaves the parent's threads behind)."""
        with self._lock:
            if self._started_in == os.getpid():
                return
            self._started_in = os.getpid()
        threading.Thread(target=self._load, name="load-model", daemon=True).start()

    @property
    def problem(self) -> Problem | None:
        """None if the model is loaded, else why it is not."""
        state = self._state
        return state if isinstance(state, Problem) else None

    @property
    def colorizer(self) -> Colorizer:
        """What colorizes photos with the loaded model.

        Raises:
            NotLoaded
        """
        return self.loaded().colorizer

    def check_taken(self, options: Iterable[str]) -> None:
        """Compare the names of options with what the loaded model takes.

        Raises:
            NotLoaded
            OptionNotTaken: if it does not take one.
        """
        check_taken(self.colorizer.model, options)

    def loaded(self) -> Loaded:
        """The loaded model.

        Raises:
            NotLoaded
        """
        state = self._state
        if isinstance(state, Problem):
            raise NotLoaded(state.sentence, state.retry_after)
        return state

    def _load(self) -> None:
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
        self._state = Loaded(self._make_colorizer(model), bundle.manifest)
        self._tell()
        manifest, seconds = bundle.manifest, time.monotonic() - started
        log.info("Loaded %s %s (%s) in %.2f s.", manifest.name, manifest.version, manifest.licence, seconds)
