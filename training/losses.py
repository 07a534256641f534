"""What training minimises.

Rebalanced cross-entropy over the bins, and of the decoded chroma its error, the error's gradients, and how uneven the
error is along a surface.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from training.bins import soft_encode

_STEP = 2.0
_LIMIT = 110.0

#: The loss's parts, in the order in which ``ChromaLoss`` returns them, and their weights.
PARTS = ("entropy", "regression", "gradients", "surfaces")
WEIGHTS = (1.0, 1.0, 0.5, 0.1)

# Pairs of places that each step compares for evenness: how many offsets, and cells of 1/4 that they reach at most.
_PAIRS, _REACH = 4, 12


class ChromaLoss:
    """The loss of one batch. Holds tables for its device; call it with logits and true chroma."""

    def __init__(
        self,
        bins: NDArray[np.float32],
        prior: NDArray[np.float64],
        device: str,
        part_weights: tuple[float, ...] = WEIGHTS,
    ):
        """
        Args:
            bins: float32 (Q, 2).
            prior: float (Q,), how often each bin occurs.
            part_weights: of PARTS; evenness of surfaces, the costly one, is only worked out if it has a weight.
        """
        self._part_weights = part_weights
        axis = np.arange(-_LIMIT, _LIMIT + _STEP, _STEP)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        indices, weights = soft_encode(grid, bins)
        self._side = len(axis)
        self._indices = torch.from_numpy(indices).to(device)
        self._weights = torch.from_numpy(weights).to(device)
        self._rarity = torch.tensor(bin_rarity(prior), dtype=torch.float32, device=device)

    def _cross_entropy(self, logits: Tensor, ab: Tensor) -> Tensor:
        """Mean over pixels; logits (P, Q), ab (P, 2)."""
        cell = ((ab + _LIMIT) / _STEP).round().long().clamp(0, self._side - 1)
        cell = cell[:, 0] * self._side + cell[:, 1]
        indices, weights = self._indices[cell], self._weights[cell]
        log_chances = F.log_softmax(logits.float(), dim=1)
        entropy = -(log_chances.gather(1, indices) * weights).sum(1)
        return (entropy * self._rarity[indices[:, 0]]).mean()

    def __call__(
        self, logits: Tensor, predicted: Tensor, true: Tensor, tone: Tensor, rng: Generator
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The loss of one batch and its parts, as PARTS has them; scalars.

        Args:
            logits: (N, Q, h, w).
            predicted, true: chroma (N, 2, h, w).
            tone: L* (N, 1, h, w), as the network sees it.
            rng: draws the places that are looked at, where not all are.
        """
        # Cross-entropy on every second row: neighbours hardly differ, and it is the most costly part.
        row = int(rng.integers(2))
        bins_last = logits.permute(0, 2, 3, 1)[:, row::2]
        true_last = true.permute(0, 2, 3, 1)[:, row::2]
        entropy = self._cross_entropy(bins_last.reshape(-1, logits.shape[1]), true_last.reshape(-1, 2))
        # Quadratic up to 20: an absolute error asks for a median, which is gray for what may have several colours.
        regression = F.smooth_l1_loss(predicted / 10.0, true / 10.0, beta=2.0)
        gradients = self._gradients((predicted - true) / 10.0)
        uneven = self._part_weights[PARTS.index("surfaces")] > 0
        surfaces = self._surfaces((predicted - true) / 10.0, true, tone, rng) if uneven else entropy.new_zeros(())
        parts = (entropy, regression, gradients, surfaces)
        return torch.stack([weight * part for weight, part in zip(self._part_weights, parts, strict=True)]).sum(), parts

    @staticmethod
    def _surfaces(error: Tensor, true: Tensor, tone: Tensor, rng: Generator) -> Tensor:
        """Mean absolute difference of the error between two places of one surface, that is of like colour and tone.

        A surface has one hue along its length: what differs within it in the prediction, and not in the truth, costs
        however far apart it is (places that look alike have like colours: Levin, Lischinski, Weiss, "Colorization using
        Optimization", 2004).
        """
        total, count = error.new_zeros(()), error.new_zeros(())
        for down, right in rng.integers(-_REACH, _REACH + 1, (_PAIRS, 2)).tolist():
            error_apart, true_apart, tone_apart = (_apart(plane, down, right) for plane in (error, true, tone))
            # Deviations of 6 in chroma and of 12 in L*.
            same = torch.exp(-(true_apart.square().sum(1) / 72.0 + tone_apart.square().sum(1) / 288.0))
            total = total + (same * error_apart.abs().sum(1)).sum()
            count = count + same.sum()
        return total / (count + 1.0)

    @staticmethod
    def _gradients(error: Tensor) -> Tensor:
        """Mean absolute gradient of the error at three scales: blotches cost, a wrong even tone does not."""
        total = error.new_zeros(())
        for scale in range(3):
            if scale:
                error = F.avg_pool2d(error, 2)
            across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
            total = total + across.abs().mean() + down.abs().mean()
        return total / 3.0


def _apart(planes: Tensor, down: int, right: int) -> Tensor:
    """What each place of planes, (N, C, h, w), differs by from the one ``down`` rows and ``right`` columns from it."""
    height, width = planes.shape[-2:]
    there = planes[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
    here = planes[..., max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)]
    return there - here


def bin_prior(ab: NDArray[np.floating], bins: NDArray[np.float32], smoothing: float = 1e-6) -> NDArray[np.float64]:
    """How often each bin occurs: ab float (N, 2), bins float32 (Q, 2); returns float64 (Q,), sums to one."""
    indices, weights = soft_encode(ab, bins)
    counts = np.bincount(indices.ravel(), weights.ravel().astype(np.float64), minlength=len(bins)) + smoothing
    return counts / counts.sum()


def bin_rarity(prior: NDArray[np.float64], uniform: float = 0.5, temper: float = 0.5) -> NDArray[np.float64]:
    """Weight of each bin in the cross-entropy, float64 (Q,), one on average over the photos.

    As by Zhang et al. 2016 (equation 4: the prior mixed with ``uniform`` of an even one), to the power of ``temper``:
    their full range, about 1:50, puts colour on snow and walls when the model knows little.
    """
    rarity = ((1.0 - uniform) * prior + uniform / len(prior)) ** -temper
    return np.asarray(rarity / (prior * rarity).sum())
