"""The process that Colorize runs in: how many CPUs it may use, and settings of the whole process."""

import contextlib
import ctypes
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

#: Where a container's kernel tells its CPU quota: "QUOTA PERIOD" in microseconds, or "max PERIOD" (cgroup v2).
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

# Options of mallopt(3) by their numbers in malloc.h.
_MALLOC_OPTIONS = {
    -8: 1,  # M_ARENA_MAX: one heap; by default there are up to eight per core, each as large as its largest photo
    -3: 32 * 2**20,  # M_MMAP_THRESHOLD: a photo's planes come from the heap and not, page by page, from the kernel
    -1: 128 * 2**20,  # M_TRIM_THRESHOLD: that much of the heap is kept for the next photo
}


def available_cpus() -> int:
    """CPU cores that this process may use: those of its affinity, at most as many as :data:`CPU_QUOTA` allows."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text().split()
        return cpus if quota == "max" else max(1, min(cpus, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cpus


def prepare_process() -> None:
    """Settings of the whole process. Every entry point calls this once, before it starts threads.

    - All threads allocate from one heap, if the C library is glibc; see mallopt(3).
    - Pillow's and libtiff's messages about clients' files are dropped, so that they do not fill the log.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC_OPTIONS.items():
            mallopt(option, value)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    silence_libtiff()


def trim_heap() -> None:
    """Give back to the kernel what lies unused in the heap, if the C library is glibc; see malloc_trim(3)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class PhotosInWork:
    """How many photos are in work, so that one alone may use all cores and many keep to one core each.

    Threads that share a photo wait for each other. While the cores are busy anyway, this gains nothing, and costs a
    tenth of the processor time.
    """

    def __init__(self, cores: int):
        self._cores, self._count, self._lock = cores, 0, threading.Lock()

    @contextlib.contextmanager
    def one_more(self) -> Iterator[None]:
        """Within the ``with`` block there is one more."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @property
    def crowded(self) -> bool:
        """Whether they are more than half as many as cores."""
        return 2 * self._count > self._cores


#: Those of this process.
photos_in_work = PhotosInWork(available_cpus())


def silence_libtiff() -> bool:
    """Keep libtiff, which Pillow contains, from writing to standard error.

    Pillow offers no way to do so; this needs its private module ``PIL._imaging``, which is linked with libtiff.

    Returns:
        whether libtiff was found.
    """
    from PIL import _imaging

    try:
        libtiff = ctypes.CDLL(_imaging.__file__)  # finds the functions of the libraries that it is linked with, too
        libtiff.TIFFSetErrorHandler(None)
        libtiff.TIFFSetWarningHandler(None)
    except (OSError, AttributeError):
        return False
    return True
