"""How the C library keeps the memory of pictures."""

import contextlib
import ctypes

_MALLOC_OPTIONS = {
    -8: 1,  # M_ARENA_MAX: one heap; else up to eight per core, each of which keeps what its largest photo needed
    -3: 32 * 2**20,  # M_MMAP_THRESHOLD: a photo's planes come from the heap and not, page by page, from the kernel
    -1: 128 * 2**20,  # M_TRIM_THRESHOLD: that much of the heap is kept for the next photo
}


def keep_one_heap() -> None:
    """Make all threads of this process allocate from one heap, where the C library is glibc; see mallopt(3).

    To be called before there are threads.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC_OPTIONS.items():
            mallopt(option, value)
