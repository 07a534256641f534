"""Writing a bundle's folder so that it is complete or not there."""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from export.errors import DiskError, InputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def new_folder(target: Path, replace: bool, needed: int) -> Iterator[Path]:
    """A new folder to write to, which is renamed to ``target`` at the end, and removed if anything goes wrong.

    The remains of a killed run are removed first.

    Args:
        target: the folder to make.
        replace: whether an existing folder of that name may be replaced.
        needed: bytes that will be written, at least.

    Raises:
        InputError: if the folder exists and may not be replaced, or another run is writing it.
        DiskError: if there is no room for it, or it cannot be written.
    """
    target = target.absolute()
    partial = target.with_name(f".{target.name}.partial")
    check_target(target, replace)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            shutil.rmtree(partial, ignore_errors=True)
            free = shutil.disk_usage(target.parent).free
            if free < needed:
                raise DiskError(
                    f"The disk is too full: {target.parent} has {free / 1e9:.1f} GB free, and the export "
                    f"needs {needed / 1e9:.1f} GB."
                )
            try:
                partial.mkdir()
                yield partial
                _put(partial, target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        reason = "the disk is full" if error.errno in _FULL else error.strerror or str(error)
        raise DiskError(f"{target} cannot be written: {reason}.") from error


def check_target(target: Path, replace: bool) -> None:
    """Check that a folder may be written.

    Raises:
        InputError: if it exists and may not be replaced.
    """
    if target.exists() and not replace:
        raise InputError(f"{target} exists already; name another folder with --out, or replace it with --force.")


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    path = target.with_name(f".{target.name}.lock")
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"Another export is writing {target}.") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _put(partial: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(partial, target)
    shutil.rmtree(old, ignore_errors=True)
