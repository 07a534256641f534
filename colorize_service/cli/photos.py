"""The work on a photo: from a file to a file, or to a sentence why not."""

import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from colorize_service.cli.files import ResultExists, Stopped, Writer
from colorize_service.cli.report import Outcome
from colorize_service.cli.tasks import STDIN, STDOUT, Task, shown
from colorize_service.imaging import ImageError

# Photos above that are refused: each photo in work takes a few bytes of memory for each pixel.
MAX_BYTES = 2**30
MAX_PIXELS = 250_000_000

_PIECE = 2**20


def attempt(colorize: Callable[[bytes], bytes], writer: Writer, task: Task) -> Outcome:
    """Convert a photo. Whatever goes wrong is in the outcome, so that the next photo has its turn."""
    problem = task.problem
    try:
        if problem is None:
            problem = _problem(colorize, writer, task)
    except ImageError as error:
        problem = str(error)
    except ResultExists:
        problem = f"{shown(task.result)} is there already; --force replaces it."
    except MemoryError:
        problem = "There is not enough memory for it."
    except Stopped:
        problem = "Interrupted."
    except Exception as error:
        problem = f"Colorize itself failed: {type(error).__name__}: {error}"
    return Outcome(task, problem)


def _problem(colorize: Callable[[bytes], bytes], writer: Writer, task: Task) -> str | None:
    if task.result != STDOUT:
        writer.check(task.result)
    try:
        data = _read(task.source)
    except OSError as error:
        return f"It cannot be read: {_reason(error)}."
    if len(data) > MAX_BYTES:
        return f"The file is too large: at most {MAX_BYTES:,} bytes are accepted."
    result = colorize(data)
    try:
        if task.result == STDOUT:
            sys.stdout.buffer.write(result)
            sys.stdout.buffer.flush()
        else:
            writer.write(task.result, result)
    except OSError as error:
        return f"{shown(task.result)} cannot be written: {_reason(error)}."
    return None


def _read(source: Path) -> bytes:
    with open(sys.stdin.fileno() if source == STDIN else source, "rb", closefd=source != STDIN) as file:
        # In pieces, since a read that names the limit sets aside a buffer of that size.
        pieces = iter(lambda: file.read(_PIECE), b"")
        return b"".join(islice(pieces, MAX_BYTES // _PIECE + 1))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
