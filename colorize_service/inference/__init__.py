"""The engine: a model bundle, loaded in the background, and the queue in front of it."""

from __future__ import annotations

import logging
import os
import pkgutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorize_service.inference.bundle import Bundle, BundleError, Manifest
from colorize_service.inference.hints import Hint
from colorize_service.inference.options import Options, Setup
from colorize_service.inference.queue import Abandoned, Busy, Turn, WorkQueue
from colorize_service.inference.session import DeviceUnavailable, OutOfMemory

__all__ = [
    "KINDS",
    "Abandoned",
    "Busy",
    "Engine",
    "Hint",
    "NotLoaded",
    "Options",
    "Setup",
    "Turn",
    "UnknownField",
    "WorkQueue",
    "load_model",
    "model_class",
]

if TYPE_CHECKING:
    from colorize_service.inference.colorizenet import ColorizeNet
    from colorize_service.inference.lite import Lite

log = logging.getLogger(__name__)

# A kind of bundle -> the module and class that run it, imported when there is such a bundle. A new kind of model adds a
# module and a line here.
KINDS = {"lite": "lite:Lite", "colorizenet": "colorizenet:ColorizeNet"}

LOADING_RETRY_AFTER = 5
FAILED_RETRY_AFTER = 300


class NotLoaded(Busy):
    """The model is not loaded yet, or cannot be."""


class UnknownField(Exception):
    """A request says something that the loaded model does not know; the message says which model does."""


@dataclass(frozen=True)
class _State:
    model: Lite | ColorizeNet | None = None
    manifest: Manifest | None = None
    problem: str = "The model is still being loaded."
    retry_after: int = LOADING_RETRY_AFTER


class Engine:
    """The model of a process. It is loaded in a thread of its own that :meth:`start` starts, once in a process."""

    def __init__(self, folder: Path, setup: Setup, queue: WorkQueue, loaded: Callable[[], None] = lambda: None):
        """``loaded`` is called once, in the loading thread, when the model is there."""
        self._folder, self._setup, self._queue, self._loaded = folder, setup, queue, loaded
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

    def chroma(self, luma: np.ndarray, options: Options, turn: Turn) -> np.ndarray:
        """Colours of a gray picture: uint8 (h, w) at its processing size -> uint8 (h', w', 2), Cb and Cr, 128 neutral.

        Raises:
            NotLoaded
            Busy: if the model can take no more now, or has not begun when the turn ends.
            Abandoned: as the turn says, unless the model has begun.
        """
        return self._model().chroma(luma, options, turn)

    def check_fields(self, names: Iterable[str]) -> None:
        """Compare the names of :class:`Options` with what the loaded model takes.

        Raises:
            NotLoaded
            UnknownField: if it does not take one.
        """
        model = self._model()
        for name in names:
            if name not in model.fields:
                takers = " and ".join(kind.title for kind in map(model_class, KINDS) if name in kind.fields)
                raise UnknownField(f"The field {name} is for {takers}; the model loaded here is {model.title}.")

    def describe(self) -> dict[str, object]:
        """The loaded model, for clients: what it is, where it runs, and what it takes.

        Raises:
            NotLoaded
        """
        model, manifest = self._model(), self._state.manifest
        width, height = model.processing_size(1, 1)
        defaults = asdict(model.defaults)
        return {
            "name": manifest.name,
            "version": manifest.version,
            "kind": manifest.kind,
            "device": model.device,
            "precision": manifest.precision,
            "processing_size": {"width": width, "height": height},
            "fields": {name: defaults[name] for name in model.fields},
        }

    def _model(self) -> Lite | ColorizeNet:
        model = self._state.model
        if model is None:
            raise self.problem
        return model

    def _load(self) -> None:
        started = time.monotonic()
        try:
            model, manifest = load_model(self._folder, self._setup)
        except Exception as error:
            # Whatever the reason, the service stays up to say it: /health, uploads and stored files need no model.
            known = isinstance(error, (BundleError, DeviceUnavailable, OutOfMemory))
            log.error("The model bundle cannot be loaded: %s", error, exc_info=not known)
            self._state = _State(
                problem="The model cannot be loaded; the server's log says why.", retry_after=FAILED_RETRY_AFTER
            )
            return
        self._queue.widen(model.turns)
        self._state = _State(model, manifest)
        self._loaded()
        log.info("Loaded %s %s in %.2f s.", manifest.name, manifest.version, time.monotonic() - started)


def model_class(kind: str) -> type[Lite] | type[ColorizeNet]:
    """The class that runs bundles of this kind, one of ``KINDS``."""
    return pkgutil.resolve_name(f"{__name__}.{KINDS[kind]}")


def load_model(folder: Path, setup: Setup, warm: bool = True) -> tuple[Lite | ColorizeNet, Manifest]:
    """Load the bundle in ``folder`` and, if it is to be ``warm``, run it once.

    Returns:
        The model and the bundle's manifest.

    Raises:
        BundleError: if the bundle is wrong or incomplete.
        DeviceUnavailable: if the device is to be ``cuda`` and CUDA does not work.
    """
    bundle = Bundle(folder)
    kind = bundle.manifest.kind
    if kind not in KINDS:
        raise BundleError(f"{folder} is a bundle of kind {kind!r}; this version runs {', '.join(sorted(KINDS))}.")
    bundle.verify()
    model = model_class(kind)(bundle, setup)
    if warm:
        model.warm_up()
    return model, bundle.manifest
