"""Standard streams that may be closed, or full: what cannot be written is lost, and nothing else is."""

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN, STDOUT, STDERR = range(3)

_closed: set[int] = set()


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """Within it ``sys.stdout`` and ``sys.stderr`` are there whatever became of the streams, and writing never fails.

    But for one case: BrokenPipeError, once, if nobody reads standard output any more. At the end a lost standard output
    is told on standard error, and a status of 0 becomes 1. Nobody can be told that standard error is lost.
    """
    _reserve()
    output, errors = _Stream(STDOUT), _Stream(STDERR)
    sys.stdout, sys.stderr = _text(output), _text(errors)
    try:
        yield
    except SystemExit as end:
        if output.problem and end.code in (0, None):
            end.code = 1
        raise
    finally:
        if output.problem and output.problem.errno != errno.EPIPE:
            print(f"Standard output {_sentence(STDOUT, output.problem)}: what belongs there is lost.", file=sys.stderr)


def is_closed(descriptor: int) -> bool:
    """Whether a standard stream was closed when the program started."""
    return descriptor in _closed


def read(descriptor: int, size: int) -> bytes:
    """At most ``size`` bytes, as soon as there are some; none at the end.

    Raises:
        OSError: if that is not possible.
    """
    while True:
        try:
            return os.read(descriptor, size)
        except BlockingIOError:  # whoever shares the pipe or terminal made it so
            select.select([descriptor], [], [])


def write(descriptor: int, data: "ReadableBuffer") -> None:
    """Write all of ``data``, and wait where there is no room for it at the moment.

    Raises:
        OSError: if that is not possible.
    """
    if is_closed(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares the pipe or terminal made it so
            select.select([], [descriptor], [])


class _Stream(io.RawIOBase):
    """A standard stream; ``problem`` is the first error in writing to it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.problem: OSError | None = None

    def write(self, data: "ReadableBuffer") -> int:
        try:
            write(self._descriptor, data)
        except OSError as problem:
            known, self.problem = self.problem, self.problem or problem
            if isinstance(problem, BrokenPipeError) and self._descriptor == STDOUT and not known:
                raise
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


def _text(stream: _Stream) -> io.TextIOWrapper:
    encoding = getattr(sys.stdout or sys.stderr, "encoding", "utf-8")
    return io.TextIOWrapper(io.BufferedWriter(stream), encoding, errors="backslashreplace", line_buffering=True)


def _reserve() -> None:
    """Let no other file get the number of a closed stream: what libraries print would go into a photo."""
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            _closed.add(descriptor)
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free


def _sentence(descriptor: int, problem: OSError) -> str:
    return "is closed" if is_closed(descriptor) else f"cannot be written ({problem.strerror})"
