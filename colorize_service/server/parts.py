"""The parts of the application, and the one way from a request to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

from colorize_service.server.answers import Answers
from colorize_service.server.app_check import AppCheckVerifier
from colorize_service.server.delete_tokens import DeleteTokens
from colorize_service.server.engines.protocol import Engine, Jobs
from colorize_service.server.held_bytes import HeldBytes
from colorize_service.server.metrics import Metrics
from colorize_service.server.queue import WorkQueue
from colorize_service.server.settings import Settings
from colorize_service.server.storage.store import Storage

if TYPE_CHECKING:
    from colorize_service.server.rates import Rates

_NAME = "colorize"


@dataclass(frozen=True)
class Parts:
    """What a view works with.

    Attributes:
        app_check: verifies tokens; None if everybody is served.
        upload_queue: turns of uploads; those of photos to colorize are the engine's.
        jobs: None where there is no broker.
        held_bytes: what requests hold of photos.
        answers: those that repeated requests get.
        rates: how many photos each app may send; None: as many as it likes.
    """

    settings: Settings
    storage: Storage
    delete_tokens: DeleteTokens
    engine: Engine
    jobs: Jobs | None
    upload_queue: WorkQueue
    held_bytes: HeldBytes
    metrics: Metrics
    app_check: AppCheckVerifier | None
    answers: Answers
    rates: "Rates | None"


def install(app: Flask, parts: Parts) -> None:
    """Make them the application's."""
    app.extensions[_NAME] = parts


def parts_of(app: Flask) -> Parts:
    """The application's parts."""
    return cast(Parts, app.extensions[_NAME])


def parts() -> Parts:
    """Those of the application that serves the current request."""
    return parts_of(current_app)
