"""What goes wrong with a photo in a worker, said in an API process as if it had gone wrong there."""

import logging

from werkzeug.exceptions import InternalServerError, NotFound

from colorize_service.imaging import ImageError
from colorize_service.inference.model import NothingSuggested, OptionNotTaken
from colorize_service.inference.turn import Busy
from colorize_service.server.engines.protocol import NO_ROOM
from colorize_service.server.fleet.messages import Outcome
from colorize_service.server.storage.room import StorageFull

log = logging.getLogger(__name__)

_BROKER_RETRY_AFTER = 5

CANCELLED = Outcome("failed", "The job was cancelled.")
FAILED = "Something went wrong on the server; it has been logged."


class NotTaken(ImageError):
    """A request asks for what the worker's model does not take or tell."""


def worn(attempts: int) -> Outcome:
    """The end of a photo that was begun so often, and whose workers died of it or with it."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return Outcome("failed", f"This photo was begun {times}, and no worker came to its end with it.")


def outcome_of(error: Exception) -> Outcome:
    """What is to be said of an error in a worker."""
    match error:
        case Busy():
            return Outcome("busy", str(error), error.retry_after)
        case StorageFull():
            return Outcome("full", str(error))
        case ImageError():
            return Outcome("image", str(error))
        case OptionNotTaken() | NothingSuggested():
            return Outcome("option", str(error))
        case NotFound():
            return Outcome("missing", error.description or "")
        case _:
            return Outcome("failed", FAILED)


def error_of(outcome: Outcome) -> Exception:
    """The error to raise for an outcome that is not ``done``."""
    match outcome.kind:
        case "busy":
            return Busy(outcome.sentence, outcome.retry_after)
        case "full":
            return StorageFull(outcome.sentence)
        case "image":
            return ImageError(outcome.sentence)
        case "option":
            return NotTaken(outcome.sentence)
        case "missing":
            return NotFound(outcome.sentence)
        case _:
            return InternalServerError(outcome.sentence)


def sentence_of(outcome: Outcome) -> str:
    """What a client is told of an outcome that is not ``done``."""
    return NO_ROOM if outcome.kind == "full" else outcome.sentence


def unreachable(error: Exception) -> Busy:
    """What is said where the broker or the board is not there."""
    log.warning("The broker cannot be reached: %s", type(error).__name__)
    return Busy("The line of photos cannot be reached; please try again later.", _BROKER_RETRY_AFTER)
