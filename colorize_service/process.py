"""The process that Colorize runs in: its CPUs, and what is set once for all of it."""

import contextlib
import ctypes
import logging
import os
import warnings
from pathlib import Path

_MALLOC_OPTIONS = {
    -8: 1,  # M_ARENA_MAX: one heap; else up to eight per core, each of which keeps what its largest photo needed
    -3: 32 * 2**20,  # M_MMAP_THRESHOLD: a photo's planes come from the heap and not, page by page, from the kernel
    -1: 128 * 2**20,  # M_TRIM_THRESHOLD: that much of the heap is kept for the next photo
}


def available_cpus() -> int:
    """CPU cores this process may use: its affinity, capped by the cgroup v2 quota of its container."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else max(1, min(cpus, round(int(quota) / int(period))))


def prepare_process() -> None:
    """Set what holds for the whole process. Every entry point calls it once, before it starts threads.

    - All threads allocate from one heap, where the C library is glibc; see mallopt(3).
    - What Pillow and libtiff have to say about strangers' files does not fill the log.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC_OPTIONS.items():
            mallopt(option, value)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    silence_libtiff()


def silence_libtiff() -> bool:
    """Keep libtiff, which Pillow contains, from writing to standard error; whether it could be found."""
    from PIL import Image

    try:
        libtiff = ctypes.CDLL(Image.core.__file__)  # finds what Pillow's own module is linked with
        libtiff.TIFFSetErrorHandler(None)
        libtiff.TIFFSetWarningHandler(None)
    except (OSError, AttributeError):
        return False
    return True
