"""ONNX Runtime sessions, on a device that is known to work."""

import contextlib
import ctypes
import functools
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from colorize_service.inference.onnx_runtime import ort

log = logging.getLogger(__name__)

#: The library of the CUDA provider, in a folder that ONNX Runtime does not document. It is in the wheels that support
#: CUDA.
CUDA_PROVIDER = Path(ort.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class DeviceUnavailable(Exception):
    """CUDA was demanded and does not work; the message tells why."""


class OutOfMemory(Exception):
    """The device has no room for the work."""


# ONNX Runtime's arena, CUDA, cuBLAS, cuDNN and the C++ library all allocate. Their failures reach Python as one type
# of error, with these words in its text.
_OUT_OF_MEMORY = re.compile(
    r"failed to allocate memory|bfcarena|out[ _]of[ _]memory|bad_alloc|cudaErrorMemoryAllocation|STATUS_ALLOC_FAILED|"
    r"unable to allocate",
    re.IGNORECASE,
)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Within the ``with`` block an error that tells of a lack of memory becomes :class:`OutOfMemory`."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
            raise OutOfMemory(str(error)) from error
        raise


def open_session(path: Path, device: str, threads: int) -> ort.InferenceSession:
    """Load an ONNX file; a line in the log tells where it runs and why.

    Args:
        path: the ONNX file.
        device: ``cuda``, ``cpu`` or ``auto`` (CUDA if it works, else the CPU).
        threads: threads that one run may use on the CPU.

    Raises:
        DeviceUnavailable: if ``device`` is ``cuda`` and CUDA does not work.
        Exception: one of ONNX Runtime's own if it cannot run the file.
    """
    why_not = "DEVICE=cpu" if device == "cpu" else _why_no_cuda()
    session = new_session(path, threads, None if why_not else {})
    if device_of(session) == "cuda":
        log.info("The model runs on CUDA.")
        return session
    why_not = why_not or "ONNX Runtime could not start its CUDA provider; it logged the reason above"
    if device == "cuda":
        raise DeviceUnavailable(f"DEVICE=cuda, but CUDA does not work: {why_not}.")
    log.info("The model runs on the CPU with %d threads (no CUDA: %s).", threads, why_not)
    return session


def device_of(session: ort.InferenceSession) -> str:
    """``cuda`` or ``cpu``: where the session runs, whatever was asked for."""
    return "cuda" if session.get_providers()[0] == _CUDA else "cpu"


def new_session(
    path: Path, threads: int, cuda: dict[str, object] | None, long_runs: bool = False
) -> ort.InferenceSession:
    """Load an ONNX file.

    Args:
        path: the ONNX file.
        threads: threads that one run may use on the CPU.
        cuda: options of ONNX Runtime's CUDA provider; None: the file runs on the CPU.
        long_runs: whether runs take seconds, one at a time, all of one shape. Then memory is planned ahead, and
            threads spin while they wait for the next operator (which saves 5 % of ColorizeNet's time).
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait for the next operator save milliseconds when there is one photo, but take cores
    # from decoding and encoding when there are several. So short a spin costs nothing then (docs/performance.md);
    # between runs there is none.
    if not long_runs:
        options.add_session_config_entry("session.intra_op.spin_duration_us", "20")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if cuda is None and not long_runs:
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = long_runs  # pictures of many shapes would need a memory plan for each
    providers = [_CPU] if cuda is None else [(_CUDA, cuda), _CPU]
    return ort.InferenceSession(str(path), options, providers=providers)


@functools.cache
def _share_arena() -> None:
    """Let the sessions that ask for it take their memory from one arena of the process: two that have the same shapes
    need little more than one."""
    arena = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(arena, None)


def _why_no_cuda() -> str | None:
    """Why CUDA cannot work here, or None if no reason is found.

    ``get_available_providers`` only tells what the wheel was built with, and a session falls back to the CPU without
    an error, so this tries to load the driver and the provider's library.
    """
    if _CUDA not in ort.get_available_providers():
        return "this ONNX Runtime was built without it"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver (libcuda.so.1) on this machine"
    ort.preload_dlls()
    try:
        ctypes.CDLL(str(CUDA_PROVIDER), ctypes.RTLD_GLOBAL)
    except OSError as error:
        return None if "undefined symbol" in str(error) else f"a library is missing: {error}"
    return None
