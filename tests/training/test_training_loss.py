"""What training minimises, and that it does."""

import numpy as np
import pytest
import torch

from tests.support.training import QUICK, jpeg, real_photos, undisturbed
from training import losses, train
from training.bins import gamut_bins
from training.losses import PARTS, ChromaLoss
from training.photos import Photo

BINS = gamut_bins()
SIDE = 24


@pytest.fixture(scope="module")
def loss_of():
    return ChromaLoss(BINS, np.full(len(BINS), 1 / len(BINS)), "cpu")


def logits_for(ab):
    """Logits that are sure of the bin next to ab, (1, 2, h, w): float32 (1, Q, h, w)."""
    return -torch.cdist(ab.permute(0, 2, 3, 1).reshape(-1, 2), torch.from_numpy(BINS)).T.reshape(1, -1, SIDE, SIDE)


def parts_for(loss_of, predicted, true, tone=None, logits=None):
    """The parts of the loss by name, as floats."""
    tone = torch.full((1, 1, SIDE, SIDE), 50.0) if tone is None else tone
    logits = logits_for(true) if logits is None else logits
    _, parts = loss_of(logits, predicted, true, tone, np.random.default_rng(0))
    return dict(zip(PARTS, map(float, parts), strict=True))


@pytest.fixture
def even():
    """One colour everywhere."""
    return torch.full((1, 2, SIDE, SIDE), 20.0)


@pytest.fixture
def halves():
    """What is to be added to make the left half redder and the right half greener."""
    shift = torch.zeros((1, 2, SIDE, SIDE))
    shift[:, 0, :, : SIDE // 2], shift[:, 0, :, SIDE // 2 :] = 15.0, -15.0
    return shift


def test_every_part_counts(loss_of, even):
    logits, predicted = logits_for(even).requires_grad_(), (even + torch.randn(even.shape)).requires_grad_()
    tone = torch.full((1, 1, SIDE, SIDE), 50.0)
    loss, parts = loss_of(logits, predicted, even, tone, np.random.default_rng(0))
    assert torch.autograd.grad(loss, parts) == pytest.approx(losses.WEIGHTS)
    assert all(weight > 0 for weight in losses.WEIGHTS)


def test_a_part_without_weight_teaches_nothing(even, halves):
    predicted = (even + halves).requires_grad_()
    loss_of = ChromaLoss(BINS, np.full(len(BINS), 1 / len(BINS)), "cpu", (0.0, 0.0, 0.0, 0.0))
    loss, _ = loss_of(logits_for(even), predicted, even, torch.full((1, 1, SIDE, SIDE), 50.0), np.random.default_rng(0))
    assert loss == 0 and parts_for(loss_of, even + halves, even)["surfaces"] == 0


def test_what_is_true_costs_least(loss_of, even):
    right = parts_for(loss_of, even, even)
    assert right["regression"] == right["gradients"] == right["surfaces"] == 0
    assert parts_for(loss_of, even, even, logits=logits_for(even - 40))["entropy"] > right["entropy"] + 1


def test_a_wrong_colour_costs_even_where_it_is_even(loss_of, even):
    shifted = parts_for(loss_of, even + 15, even)
    assert shifted["regression"] > 0.3 and shifted["gradients"] == pytest.approx(0, abs=1e-5)


def test_blotches_cost_more_than_an_even_error(loss_of, even):
    blotches = 15 * torch.sign(torch.randn((1, 2, SIDE, SIDE), generator=torch.Generator().manual_seed(0)))
    assert parts_for(loss_of, even + blotches, even)["gradients"] > 1


def test_one_surface_in_two_colours_costs_however_soft_the_change(loss_of, even):
    across = torch.linspace(-10, 10, SIDE).expand(1, 2, SIDE, SIDE)
    slope, shift = parts_for(loss_of, even + across, even), parts_for(loss_of, even + 15, even)
    assert slope["gradients"] < 0.25 and slope["surfaces"] > 2 * slope["gradients"]
    assert shift["surfaces"] == pytest.approx(0, abs=1e-5)


def test_two_surfaces_may_err_apart(loss_of, even, halves):
    one_surface = parts_for(loss_of, even + halves, even)["surfaces"]
    two_tones = parts_for(loss_of, even + halves, even, tone=50 + 2 * halves[:, :1])["surfaces"]
    two_colours = parts_for(loss_of, even + 3 * halves, even + 2 * halves)["surfaces"]
    assert one_surface > 0.5
    assert two_tones < 0.1 * one_surface and two_colours < 0.1 * one_surface


def test_training_learns_a_photo_by_heart(tmp_path):
    photos = [Photo(name, "any", jpeg(image)) for name, image in real_photos()]
    with undisturbed():
        torch.manual_seed(0)
        command = ["--photos", "none", "--out", str(tmp_path), *QUICK, "--warmup", "1", "--steps", "1000"]
        run = train.Run(train.arguments(command), photos)
        batch = run.batch()
        loss, entropy, *others = np.array([run.learn(batch) for _ in range(12)]).T
    assert loss[-1] < 0.8 * loss[0]
    assert entropy[-1] < 0.9 * entropy[0]
    regression, gradients, surfaces = (part[-1] / part[0] for part in others)
    assert regression < 0.2 and gradients < 0.6 and surfaces < 0.7
