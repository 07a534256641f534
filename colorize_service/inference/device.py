"""Devices: buffers in their memory, and runs of ONNX graphs that read and write these buffers.

On CUDA all work goes to one stream, in order, and the host waits only when it reads a buffer.
"""

import ctypes
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorize_service.inference.onnx_runtime import ort

#: Floating-point arrays of a bundle: float32 or float16.
Array = NDArray[np.float32 | np.float16]


class Host:
    """Buffers in main memory.

    Attributes:
        name: ONNX Runtime's name of the device.
        options: of ONNX Runtime's CUDA provider; None: it is not used.
    """

    name = "cpu"
    options: dict[str, object] | None = None

    def empty(self, shape: Sequence[int], dtype: type[np.generic]) -> ort.OrtValue:
        """A new buffer with undefined values."""
        return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), dtype, self.name, 0)

    def write(self, buffer: ort.OrtValue, values: Array) -> None:
        """Fill the buffer, converting the values to its type, once all earlier work is done."""
        buffer.update_inplace(np.ascontiguousarray(values, buffer_dtype(buffer)))

    def read(self, buffer: ort.OrtValue) -> NDArray[np.float32]:
        """A copy of the values of a float32 buffer, once all earlier work is done."""
        values: NDArray[np.float32] = buffer.numpy().copy()
        return values

    def run(self, session: ort.InferenceSession, binding: ort.IOBinding, graph: int = -1) -> None:
        """Run a session on the bound buffers. ``graph``: the number, from 1, of this binding's CUDA graph, or -1."""
        session.run_with_iobinding(binding)


class Cuda(Host):
    """Buffers in the memory of the first GPU.

    ONNX Runtime keeps CUDA graphs and library handles for each thread: use it from one thread.
    """

    name = "cuda"

    def __init__(self) -> None:
        self._runtime = ctypes.CDLL(f"libcudart.so.{ort.cuda_version.partition('.')[0]}")
        self._stream = ctypes.c_void_p()
        non_blocking = 1
        self._checked(self._runtime.cudaStreamCreateWithFlags(ctypes.byref(self._stream), non_blocking))
        # The arena takes what is asked for and not the next power of two: gigabytes matter here.
        self.options = {"user_compute_stream": str(self._stream.value), "arena_extend_strategy": "kSameAsRequested"}

    def write(self, buffer: ort.OrtValue, values: Array) -> None:
        source = np.ascontiguousarray(values, buffer_dtype(buffer))
        # The source is pageable memory: CUDA has taken the values when the call returns, even if it copies them later.
        self._copy(buffer.data_ptr(), source.ctypes.data, source.nbytes)

    def read(self, buffer: ort.OrtValue) -> NDArray[np.float32]:
        values = np.empty(buffer.shape(), np.float32)
        self._copy(values.ctypes.data, buffer.data_ptr(), values.nbytes)
        self._checked(self._runtime.cudaStreamSynchronize(self._stream))
        return values

    def run(self, session: ort.InferenceSession, binding: ort.IOBinding, graph: int = -1) -> None:
        options = ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(graph))
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        session.run_with_iobinding(binding, options)

    def _copy(self, target: int, source: int, size: int) -> None:
        by_address = 4  # cudaMemcpyDefault: the addresses say which of them is the device's
        self._checked(
            self._runtime.cudaMemcpyAsync(
                ctypes.c_void_p(target), ctypes.c_void_p(source), ctypes.c_size_t(size), by_address, self._stream
            )
        )

    def _checked(self, status: int) -> None:
        if status:
            self._runtime.cudaGetErrorString.restype = ctypes.c_char_p
            raise RuntimeError(f"CUDA: {self._runtime.cudaGetErrorString(status).decode()}")


_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
}


def dtype_of(name: str) -> type[np.generic]:
    """NumPy's type for ONNX Runtime's name of a type, such as ``tensor(float16)``.

    Raises:
        KeyError: if no bundle has this type.
    """
    return _DTYPES[name]


def buffer_dtype(buffer: ort.OrtValue) -> type[np.generic]:
    """NumPy's type of a buffer's values."""
    return dtype_of(buffer.data_type())
