"""Converting a photo: from a file to a file, or to a sentence that tells why not."""

from collections.abc import Callable
from pathlib import Path

from colorize_service.cli import streams
from colorize_service.cli.files import ResultExists, Stopped, Writer
from colorize_service.cli.report import Outcome
from colorize_service.cli.tasks import STDIN, STDOUT, Task, shown
from colorize_service.imaging import ImageError

# Larger photos are refused: a photo in work takes a few bytes of memory for each pixel.
MAX_BYTES = 2**30
MAX_PIXELS = 250_000_000

_PIECE = 2**20


def attempt(colorize: Callable[[bytes], bytes], writer: Writer, task: Task) -> Outcome:
    """Convert a photo. Whatever goes wrong is told by the outcome, so that the next photos are converted."""
    if task.result is None:
        return Outcome(task, task.problem)
    problem: str | None
    try:
        problem = _problem(colorize, writer, task.source, task.result)
    except ImageError as error:
        problem = str(error)
    except ResultExists:
        if writer.skips(task.result):
            return Outcome(task, None, skipped=True)
        problem = f"{shown(task.result)} is there already{_ways_out(writer)}"
    except MemoryError:
        problem = "There is not enough memory for it."
    except Stopped:
        problem = "Interrupted."
    except Exception as error:
        problem = f"Colorize itself failed: {type(error).__name__}: {error}"
    return Outcome(task, problem)


def _problem(colorize: Callable[[bytes], bytes], writer: Writer, source: Path, target: Path) -> str | None:
    """Convert a photo; the sentence why that failed, or None."""
    if source == STDIN and streams.is_closed(streams.STDIN):
        return "Standard input is closed."
    if target != STDOUT:
        writer.check(target)
    try:
        data = _read(source)
    except OSError as error:
        return f"It cannot be read: {_reason(error)}."
    if len(data) > MAX_BYTES:
        return f"The file is too large: at most {MAX_BYTES:,} bytes are accepted."
    result = colorize(data)
    try:
        if target == STDOUT:
            streams.write(streams.STDOUT, result)
        else:
            writer.write(target, result)
    except OSError as error:
        return f"{shown(target)} cannot be written: {_reason(error)}."
    return None


def _ways_out(writer: Writer) -> str:
    if writer.skipping:
        return ", but it is empty or no file; --force replaces a file."
    return "; --force replaces it, --skip-existing leaves it."


def _read(source: Path) -> bytes:
    pieces, size = [], 0
    with open(streams.STDIN if source == STDIN else source, "rb", buffering=0, closefd=source != STDIN) as file:
        # In pieces: one read of at most MAX_BYTES would allocate as much.
        while size <= MAX_BYTES and (piece := streams.read(file.fileno(), _PIECE)):
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
