"""The process that Colorize runs in: how many CPUs it may use, and settings of the whole process."""

import contextlib
import ctypes
import logging
import os
import warnings
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
