"""ONNX Runtime sessions on the device that truly works."""

import contextlib
import ctypes
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from colorize_service.inference.onnx_runtime import ort

log = logging.getLogger(__name__)

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class DeviceUnavailable(Exception):
    """CUDA was demanded and does not work; the message says why."""


class OutOfMemory(Exception):
    """The device has no room for the work."""


# Whatever allocates, ONNX Runtime's arena, CUDA, cuBLAS, cuDNN or the C++ library, it reaches Python as one error
# with these words in its text.
_OUT_OF_MEMORY = re.compile(
    r"failed to allocate memory|bfcarena|out[ _]of[ _]memory|bad_alloc|cudaErrorMemoryAllocation|STATUS_ALLOC_FAILED|"
    r"unable to allocate",
    re.IGNORECASE,
)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Within the ``with`` block an error that says that memory is short becomes :class:`OutOfMemory`."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
            raise OutOfMemory(str(error)) from error
        raise


def open_session(path: Path, device: str, threads: int) -> ort.InferenceSession:
    """Load an ONNX file; one line of the log says where it runs and why.

    Args:
        path: the ONNX file.
        device: ``cuda``, ``cpu`` or ``auto`` (CUDA where it works, else the CPU).
        threads: threads that one run may use on the CPU.

    Raises:
        DeviceUnavailable: if ``device`` is ``cuda`` and CUDA does not work.
        onnxruntime.capi.onnxruntime_pybind11_state.*: if the file is no model that ONNX Runtime runs.
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
    """``cuda`` or ``cpu``: where the session truly runs."""
    return "cuda" if session.get_providers()[0] == _CUDA else "cpu"


def new_session(
    path: Path, threads: int, cuda: dict[str, object] | None, long_runs: bool = False
) -> ort.InferenceSession:
    """Load an ONNX file.

    Args:
        threads: threads that one run may use on the CPU.
        cuda: options of ONNX Runtime's CUDA provider; None: the file runs on the CPU.
        long_runs: whether runs take seconds, one at a time and all of one shape: they plan their memory, and their
            threads spin while they wait for the next operator (5 % of ColorizeNet's time).
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait for the next operator save milliseconds of a photo that is alone, but take the
    # cores from decoding and encoding where photos queue. So little of it costs nothing there (measured; see
    # docs/performance.md), and none between runs.
    if not long_runs:
        options.add_session_config_entry("session.intra_op.spin_duration_us", "20")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.enable_mem_pattern = long_runs  # where pictures differ in shape, there would be a plan for each
    providers = [_CPU] if cuda is None else [(_CUDA, cuda), _CPU]
    return ort.InferenceSession(str(path), options, providers=providers)


def _why_no_cuda() -> str | None:
    """Why CUDA cannot work here, or None if nothing speaks against it.

    ``get_available_providers`` only tells what the wheel was built with, and a session falls back in silence, so
    the provider's library and the driver are loaded to see.
    """
    if _CUDA not in ort.get_available_providers():
        return "this ONNX Runtime was built without it"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver (libcuda.so.1) on this machine"
    ort.preload_dlls()
    try:
        ctypes.CDLL(str(Path(ort.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"), ctypes.RTLD_GLOBAL)
    except OSError as error:
        return None if "undefined symbol" in str(error) else f"a library is missing: {error}"
    return None
