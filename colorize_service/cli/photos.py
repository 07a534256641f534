"""The work on a photo: from a file to a file, or to a sentence why not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from colorize_service import imaging
from colorize_service.cli.files import ResultExists, Stopped, Writer
from colorize_service.cli.report import Outcome
from colorize_service.cli.tasks import STDIN, STDOUT, Task, shown
from colorize_service.inference import Options

if TYPE_CHECKING:
    from colorize_service.inference.colorizenet import ColorizeNet
    from colorize_service.inference.lite import Lite

# Photos above that are refused: each photo in work takes a few bytes of memory for each pixel.
MAX_BYTES = 2**30
MAX_PIXELS = 250_000_000

_PIECE = 2**20


class Colorizer:
    """Colorizes photos one by one, in any thread, as the service does."""

    def __init__(self, model: Lite | ColorizeNet, options: Options, saturation: float, quality: int, spread: bool):
        """
        Args:
            model, options: as :func:`~colorize_service.cli.model.load` gives them.
            saturation: 0…2, what the chroma is multiplied with.
            quality: of the JPEG, 1…100.
            spread: whether all cores work on one photo.
        """
        self._model, self._options = model, options
        self._saturation, self._quality, self._spread = saturation, quality, spread

    def __call__(self, data: bytes) -> bytes:
        """The photo in colour, as JPEG bytes.

        Raises:
            ImageError: if ``data`` is no picture that can be used.
        """
        luma = imaging.open_photo(data, max_pixels=MAX_PIXELS).luma()
        small = imaging.shrink(luma, self._model.processing_size(*luma.size))
        chroma = imaging.saturate(self._model.chroma(small, self._options), self._saturation)
        return imaging.add_chroma(luma, chroma, self._quality, small, spread=self._spread)


def attempt(colorize: Callable[[bytes], bytes], writer: Writer, task: Task) -> Outcome:
    """Convert a photo. Whatever goes wrong is in the outcome, so that the next photo has its turn."""
    problem = task.problem
    try:
        if problem is None:
            problem = _problem(colorize, writer, task)
    except imaging.ImageError as error:
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
