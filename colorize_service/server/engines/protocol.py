"""What an engine is: it colorizes the photos of requests, in this process or elsewhere, and stores the results."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from colorize_service.imaging import Photo
from colorize_service.inference.turn import Busy
from colorize_service.likely import LikelyColour
from colorize_service.options import Options

#: Said where a picture cannot be stored.
NO_ROOM = "The service has no room left to store pictures; please try again later."


class NotLoaded(Busy):
    """The model is not loaded yet, or cannot be."""


@dataclass(frozen=True)
class Problem:
    """Why the model is not there: a sentence for a client, and after how many seconds he may ask again."""

    sentence: str
    retry_after: int

    def error(self) -> NotLoaded:
        """The same to be raised."""
        return NotLoaded(self.sentence, self.retry_after)


@dataclass(frozen=True)
class Description:
    """A loaded model, as ``GET /model`` and the OpenAPI document tell of it.

    Attributes:
        name, version, kind, precision: of its bundle.
        title: the name of its kind, for people.
        device: ``cpu`` or ``cuda``: where it runs.
        processing_size: width and height in pixels at which it sees a square photo.
        fields: the options that it takes beside those that every model takes, with their defaults.
        suggests: whether it tells which colours are likely.
    """

    name: str
    version: str
    kind: str
    title: str
    device: str
    precision: str
    processing_size: tuple[int, int]
    fields: Mapping[str, Any]
    suggests: bool = False

    @property
    def takes(self) -> tuple[str, ...]:
        """The names of those options."""
        return tuple(self.fields)


@dataclass(frozen=True)
class Times:
    """What one photo took, in seconds.

    Attributes:
        pixels: width times height of the photo.
        queue: waiting for its turn.
        work: from its turn to the result's bytes.
        engine: the model's share of that.
    """

    pixels: int
    queue: float
    work: float
    engine: float

    def notes(self) -> dict[str, object]:
        """The fields of a log line."""
        seconds = {"queue_ms": self.queue, "work_ms": self.work, "engine_ms": self.engine}
        return {"pixels": self.pixels} | {name: round(value * 1000, 1) for name, value in seconds.items()}


@dataclass(frozen=True)
class JobState:
    """How far a job is.

    Attributes:
        detail: why it has failed, for a person.
    """

    status: Literal["queued", "working", "done", "failed"]
    detail: str | None = None


class Jobs(Protocol):
    """Colorizes photos while their clients are gone. Its methods may be called from any thread.

    They raise Busy if what knows of the jobs cannot be reached.
    """

    def submit(self, photo: Photo, options: Options, upload_id: str | None = None) -> str:
        """Let a photo wait.

        Args:
            upload_id: of the stored upload that the photo is.

        Returns:
            The id of the job, and of its result.

        Raises:
            Busy: if the line is full.
            StorageFull, OSError: if the photo cannot be stored.
        """

    def state(self, job_id: str) -> JobState | None:
        """How far a job is; None if there is no such job, or it was long ago."""

    def cancel(self, job_id: str) -> bool:
        """End a job that is not at its end; False if there is no such job."""


class Engine(Protocol):
    """Colorizes photos for the views. Its methods may be called from any thread."""

    def start(self) -> None:
        """Get ready in the background, if this process has not begun to (a fork leaves the parent's threads behind)."""

    @property
    def problem(self) -> Problem | None:
        """None if photos can be colorized, else why not."""

    def describe(self) -> Description:
        """The loaded model.

        Raises:
            NotLoaded
        """

    def check_taken(self, options: Iterable[str]) -> None:
        """Compare the names of options with what the loaded model takes.

        Raises:
            NotLoaded
            OptionNotTaken: if it does not take one.
        """

    def check_suggests(self) -> None:
        """Whether the loaded model tells which colours are likely.

        Raises:
            NotLoaded
            NothingSuggested: if it does not.
        """

    def check_queue(self) -> None:
        """Whether a photo that came now could be taken.

        Raises:
            NotLoaded
            Busy: if the line is full.
        """

    def colorize(
        self, photo: Photo, options: Options, abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> str:
        """Colorize a photo in its turn and store the result. Times go to the figures and to the request's log line.

        Args:
            abandoned: tells, in any thread, whether the client is gone.
            upload_id: of the stored upload that the photo is.

        Returns:
            The id of the result.

        Raises:
            ImageError: if the photo is cut off or damaged.
            Busy: if its turn does not come in time, or the device has no memory for it.
            Abandoned: if ``abandoned()`` says so.
            StorageFull, OSError: if the result cannot be stored.
        """

    def likely_colours(
        self, photo: Photo, place: tuple[float, float], abandoned: Callable[[], bool], upload_id: str | None = None
    ) -> list[LikelyColour]:
        """The colours that a surface of a photo most likely has, found in its turn; times go as those of a result.

        Args:
            place: x and y of a point of the surface, as those of a hint.
            abandoned, upload_id: as of :meth:`colorize`.

        Raises:
            NothingSuggested: if the model does not tell them.
            ImageError, Busy, Abandoned: as :meth:`colorize`.
            StorageFull, OSError: if the photo has to be stored for it and cannot be.
        """
