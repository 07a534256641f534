"""Going on from a released bundle, whose norms were folded away."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import Bundle
from tests.support.training import train_on
from training import checkpoints, released
from training.batches import make_batch
from training.hint_spread import hint_pyramid
from training.network import ColorizeNetLite
from training.photos import CropSampler, read_photos, training_tars
from training.train import train_mode

# The decoder's layers whose norm follows a sum, and so was not folded.
EXPLICIT = {f"up{scale}.{part}" for scale in (4, 8, 16) for part in ("mix", "hints", "norm")}


@pytest.fixture(scope="module")
def batch(photos):
    sampler = CropSampler(read_photos(training_tars(photos)), 0)
    return make_batch(sampler, np.random.default_rng(0), 2 * 128 * 128)


@pytest.fixture(scope="module")
def given(batch):
    """Luminance and hints to feed."""
    hints = np.zeros_like(batch.hints)
    hints[:, :, 40:45, 30:35] = np.array([40, -30, 1])[:, None, None]
    return torch.from_numpy(batch.luminance), torch.from_numpy(hints)


def restored(folder, batch):
    model = ColorizeNetLite("efficientnet-lite0")
    released.restore(model, folder, [batch])
    return model.requires_grad_(False)


def ab_of(folder, luminance, hints):
    """What the bundle's graph makes of them."""
    session = onnxruntime.InferenceSession(Bundle(folder).path("model"), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["ab"], {"luminance": luminance.numpy(), "hints": hints.numpy()})[0])


def test_a_bundle_gives_back_the_network_that_it_was_made_of(checkpoint, bundle, batch, given):
    luminance, hints = given
    network = restored(bundle, batch)
    for shown in (hints, torch.zeros_like(hints)):
        assert (network.colorize(luminance, shown) - ab_of(bundle, luminance, shown)).abs().max() < 0.05
    own, taken = checkpoints.load(checkpoint)["average"], network.state_dict()
    other = {
        name.rsplit(".", 1)[0]
        for name in own
        if own[name].is_floating_point() and not torch.allclose(own[name], taken[name], rtol=2e-3, atol=1e-4)
    }
    layers = dict(network.named_modules())
    folded = {name for name in other if isinstance(layers[name], nn.Conv2d)}
    norms = {name for name in other if isinstance(layers[name], nn.BatchNorm2d)}
    assert other == folded | norms and not other & EXPLICIT
    assert len(norms) == sum(isinstance(layer, nn.BatchNorm2d) for layer in layers.values()) - 3


def test_norms_made_anew_do_in_training_what_they_do_afterwards(bundle, batch):
    network = restored(bundle, batch)
    luminance, hints = torch.from_numpy(batch.luminance), hint_pyramid(torch.from_numpy(batch.hints)).at(4)
    running = network.encoder(luminance, hints)
    train_mode(network)
    for mine, theirs in zip(network.encoder(luminance, hints), running, strict=True):
        assert (mine - theirs).abs().max() < 0.01 * theirs.std()


def test_training_begins_with_a_released_bundle(photos, bundle, given, tmp_path):
    train_on(photos, tmp_path, "--steps", "0", "--init", str(bundle))
    taken = checkpoints.network(checkpoints.load(tmp_path / "last.pt"))
    assert (taken.colorize(*given) - ab_of(bundle, *given)).abs().max() < 0.05
    train_on(photos, tmp_path, "--steps", "1", "--resume")
    after = checkpoints.load(tmp_path / "last.pt")["model"]
    assert all(torch.isfinite(value).all() for value in after.values())
    assert not torch.equal(after["head.weight"], taken.head.weight)


def test_a_bundle_of_another_network_is_refused(bundle):
    with pytest.raises(ValueError, match="not those of this network"):
        released.restore(ColorizeNetLite("efficientnet-lite2"), bundle, [])


def test_the_embedded_bundle_can_be_trained_on(batch, given):
    network = restored(EMBEDDED_BUNDLE, batch)
    # As docs/model-card.md has them: they are constants of the graph.
    network.vividness.fill_(1.17)
    network.cast.fill_(0.1)
    assert (network.colorize(*given) - ab_of(EMBEDDED_BUNDLE, *given)).abs().max() < 0.05
