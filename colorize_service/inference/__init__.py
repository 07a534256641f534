"""The engine: a model bundle, loaded in the background, and the queue in front of it."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorize_service.inference.bundle import Bundle, BundleError
from colorize_service.inference.hints import Hint
from colorize_service.inference.lite import Lite
from colorize_service.inference.queue import Abandoned, Busy, WorkQueue
from colorize_service.inference.session import DeviceUnavailable

__all__ = ["Abandoned", "Busy", "Engine", "Hint", "NotLoaded", "WorkQueue"]

log = logging.getLogger(__name__)

# A kind of bundle -> the class that runs it. A new kind of model adds a module and a line here.
KINDS = {"lite": Lite}

LOADING_RETRY_AFTER = 5
FAILED_RETRY_AFTER = 300


class NotLoaded(Busy):
    """The model is not loaded yet, or cannot be."""


@dataclass(frozen=True)
class _State:
    model: Lite | None = None
    problem: str = "The model is still being loaded."
    retry_after: int = LOADING_RETRY_AFTER


class Engine:
    """The model of a process. It is loaded in a thread of its own that :meth:`start` starts, once in a process."""

    def __init__(self, folder: Path, device: str, threads: int, queue: WorkQueue,
                 loaded: Callable[[], None] = lambda: None):
        """``loaded`` is called once, in the loading thread, when the model is there."""
        self._folder, self._device, self._threads = folder, device, threads
        self._loaded = loaded
        self._started_in: int | None = None
        self._lock = threading.Lock()
        self._state = _State()
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
    def problem(self) -> NotLoaded | None:
        """None if the model is loaded, else why it is not, in a sentence for a client."""
        state = self._state
        return None if state.model else NotLoaded(state.problem, state.retry_after)

    def processing_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in pixels at which the model sees a picture of ``width`` × ``height``.

        Raises:
            NotLoaded
        """
        return self._model().processing_size(width, height)

    def chroma(self, luma: np.ndarray, hints: Sequence[Hint] = ()) -> np.ndarray:
        """Colours of a gray picture: uint8 (h, w) at its processing size -> uint8 (h', w', 2), Cb and Cr, 128 neutral.

        Raises:
            NotLoaded
        """
        return self._model().chroma(luma, hints)

    def _model(self) -> Lite:
        model = self._state.model
        if model is None:
            raise self.problem
        return model

    def _load(self) -> None:
        started = time.monotonic()
        try:
            model, manifest = load_model(self._folder, self._device, self._threads)
        except Exception as error:
            # Whatever the reason, the service stays up to say it: /health, uploads and stored files need no model.
            log.error("The model bundle cannot be loaded: %s", error, exc_info=not isinstance(error, (BundleError, DeviceUnavailable)))
            self._state = _State(None, "The model cannot be loaded; the server's log says why.", FAILED_RETRY_AFTER)
            return
        self._state = _State(model)
        self._loaded()
        log.info("Loaded %s %s in %.2f s.", manifest.name, manifest.version, time.monotonic() - started)


def load_model(folder: Path, device: str, threads: int):
    """Load the bundle in ``folder`` and run it once.

    Returns:
        The model and the bundle's manifest.

    Raises:
        BundleError: if the bundle is wrong or incomplete.
        DeviceUnavailable: if ``device`` is ``cuda`` and CUDA does not work.
    """
    bundle = Bundle(folder)
    kind = bundle.manifest.kind
    if kind not in KINDS:
        raise BundleError(f"{folder} is a bundle of kind {kind!r}; this version runs {', '.join(sorted(KINDS))}.")
    bundle.verify()
    model = KINDS[kind](bundle, device, threads)
    width, height = model.processing_size(1, 1)
    model.chroma(np.full((height, width), 128, np.uint8))
    return model, bundle.manifest
