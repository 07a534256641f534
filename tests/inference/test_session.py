"""ONNX Runtime's own folders, as far as this service reaches into them."""

import pytest

from colorize_service.inference import session
from colorize_service.inference.onnx_runtime import ort


def test_the_cuda_provider_is_where_it_is_looked_for():
    """Else a GPU would never be used: the missing file reads as CUDA that does not work."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this ONNX Runtime was built without CUDA")
    assert session.CUDA_PROVIDER.is_file()
