"""Photos, and what training makes of them."""

import pytest
import torch

from tests.support.training import blotches, real_photos, tar_of, train_on
from training import checkpoints, export


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks as small as these gain nothing from more, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of tars as training and evaluation take them."""
    folder = tmp_path_factory.mktemp("photos")
    tar_of(folder / "train-00.tar", blotches(seed=0))
    tar_of(folder / "val.tar", blotches(seed=1))
    tar_of(folder / "val-diverse.tar", real_photos())
    return folder


@pytest.fixture(scope="session")
def trained(photos, tmp_path_factory):
    """A folder with the checkpoints of three steps, the last of which was made in a second start."""
    out = tmp_path_factory.mktemp("run")
    train_on(photos, out, "--steps", "2", "--keep-every", "2")
    train_on(photos, out, "--steps", "3", "--resume")
    return out


@pytest.fixture(scope="session")
def checkpoint(trained, tmp_path_factory):
    """That network with every branch doing something, also those that begin at zero."""
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.pt"
    state = checkpoints.load(trained / "last.pt")
    random = torch.Generator().manual_seed(4)
    for name, value in state["average"].items():
        if name.endswith(("weight", "bias", "null")) and value.abs().max() < 0.01:
            value.add_(0.05 * torch.randn(value.shape, generator=random))
    checkpoints.save(path, state)
    return path


@pytest.fixture(scope="session")
def bundle(checkpoint, tmp_path_factory):
    """The folder of a bundle of that network."""
    out = tmp_path_factory.mktemp("bundle")
    export.main(["--checkpoint", str(checkpoint), "--out", str(out), "--version", "9.9.9"])
    return out
