"""Checkpoints for the exporter."""

import pytest

import export.pipeline  # noqa: F401  Its libraries greet whoever imports them first, which is no test's concern.
from tests.support.checkpoints import TINY, state_dict, write


@pytest.fixture(scope="session")
def tiny_state():
    """The weights of the smallest ControlLDM; copy the dict before changing it."""
    return state_dict(TINY)


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_state, tmp_path_factory):
    """The same as a file."""
    return write(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", tiny_state)
