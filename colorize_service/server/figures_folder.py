"""The folder in which all workers of a server count, as Prometheus' client does it with several processes.

The client looks for it when it is imported, so this module is the first to be.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path

#: The client's own variable.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "colorize-metrics-"
# The descriptor that holds the folder, if there is one, and who may change that.
_held: list[int] = []
_holding = threading.Lock()


def make_own(storage: str) -> None:
    """Make a folder for this process and those that it forks, and say so in the environment; once, also if it reloads.

    Without one, where nothing can be written, each worker answers for itself. Folders of servers that are dead are
    removed.

    Args:
        storage: where something can be written if nowhere else.
    """
    mine = f"{_PREFIX}{os.getpid()}-"
    if mine in os.environ.get(VARIABLE, ""):
        return
    os.environ.pop(VARIABLE, None)
    # In memory, which nobody cleans as they do /tmp; the root may be read-only.
    for place in ("/dev/shm", None, storage):
        with contextlib.suppress(OSError):
            folder = place or tempfile.gettempdir()
            _remove_dead(Path(folder))
            os.environ[VARIABLE] = tempfile.mkdtemp(prefix=mine, dir=folder)
            make_again()
            return


def make_again() -> None:
    """Make the folder if it has gone, as by systemd's cleaning of /tmp, and hold it against :func:`_remove_dead`."""
    with _holding, contextlib.suppress(OSError, KeyError):
        own = Path(os.environ[VARIABLE])
        # Until it is locked, a server that starts takes it for that of a dead one.
        while not _is_held(own):
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                _hold(own)


def remove_own() -> None:
    """Leave no figures behind."""
    shutil.rmtree(os.environ.get(VARIABLE, ""), ignore_errors=True)


def _is_held(folder: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return any(os.path.samestat(os.fstat(descriptor), folder.stat()) for descriptor in _held)
    return False


def _hold(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    # Until the last process that has it ends: those forked from this one have it, too.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    while _held:
        os.close(_held.pop())
    _held.append(descriptor)


def _remove_dead(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
