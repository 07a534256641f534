"""Sessions: where they run, what an operator reads of it, and ONNX Runtime's own folders."""

import logging

import pytest

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import Bundle
from colorize_service.inference import session
from colorize_service.inference.onnx_runtime import ort

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture(scope="module")
def graph():
    return Bundle(EMBEDDED_BUNDLE).path("model")


def test_the_cuda_provider_is_where_it_is_looked_for():
    """Else a GPU would never be used: the missing file reads as CUDA that does not work."""
    if CUDA not in ort.get_available_providers():
        pytest.skip("this ONNX Runtime was built without CUDA")
    assert session.CUDA_PROVIDER.is_file()


def test_the_log_says_that_the_model_runs_on_the_cpu_with_how_many_threads_and_why(graph, caplog):
    with caplog.at_level(logging.INFO):
        session.open_session(graph, "cpu", 2)
    assert caplog.messages == ["The model runs on the CPU with 2 threads (no CUDA: DEVICE=cpu)."]


@pytest.mark.parametrize(
    ("providers", "missing", "says"),
    [
        ([CPU], "", "this ONNX Runtime was built without it"),
        ([CUDA, CPU], "libcuda.so.1", "no NVIDIA driver"),
        ([CUDA, CPU], session.CUDA_PROVIDER.name, r"a library is missing: libcublas\.so: cannot open"),
    ],
)
def test_who_asks_for_a_gpu_that_cannot_be_used_reads_what_is_missing(graph, monkeypatch, providers, missing, says):
    def load(path: str, *_: object) -> None:
        if missing and path.endswith(missing):
            raise OSError("libcublas.so: cannot open shared object file")

    monkeypatch.setattr(ort, "get_available_providers", lambda: providers)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(session.ctypes, "CDLL", load)
    with pytest.raises(session.DeviceUnavailable, match=says):
        session.open_session(graph, "cuda", 1)
