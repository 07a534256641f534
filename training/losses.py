"""What training minimises: rebalanced cross-entropy over bins, error of the decoded chroma, and of its gradients."""

import numpy as np
import torch
import torch.nn.functional as F

from training.bins import soft_encode

_STEP = 2.0
_LIMIT = 110.0


class ChromaLoss:
    """The loss of one batch. Holds tables for its device; call it with logits and true chroma."""

    def __init__(self, bins, prior, device, regression=1.0, smoothness=0.5):
        """bins: float32 (Q, 2). prior: float (Q,), how often each bin occurs. The others: weights of the parts."""
        axis = np.arange(-_LIMIT, _LIMIT + _STEP, _STEP)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        indices, weights = soft_encode(grid, bins)
        self._side = len(axis)
        self._indices = torch.from_numpy(indices).to(device)
        self._weights = torch.from_numpy(weights).to(device)
        self._rarity = torch.tensor(bin_rarity(prior), dtype=torch.float32, device=device)
        self._regression, self._smoothness = regression, smoothness

    def _cross_entropy(self, logits, ab):
        """Mean over pixels; logits (P, Q), ab (P, 2)."""
        cell = ((ab + _LIMIT) / _STEP).round().long().clamp(0, self._side - 1)
        cell = cell[:, 0] * self._side + cell[:, 1]
        indices, weights = self._indices[cell], self._weights[cell]
        log_chances = F.log_softmax(logits.float(), dim=1)
        entropy = -(log_chances.gather(1, indices) * weights).sum(1)
        return (entropy * self._rarity[indices[:, 0]]).mean()

    def __call__(self, logits, predicted, true, row):
        """Return the loss and its parts (cross-entropy, regression, gradients), scalars.

        logits: (N, Q, h, w). predicted, true: chroma (N, 2, h, w). row: 0 or 1; cross-entropy is taken on every
        second row, from this one: neighbours hardly differ, and it is the most costly part.
        """
        bins_last = logits.permute(0, 2, 3, 1)[:, row::2]
        true_last = true.permute(0, 2, 3, 1)[:, row::2]
        entropy = self._cross_entropy(bins_last.reshape(-1, logits.shape[1]), true_last.reshape(-1, 2))
        # Quadratic up to 20: an absolute error asks for a median, which is gray for what may have several colours.
        regression = F.smooth_l1_loss(predicted / 10.0, true / 10.0, beta=2.0)
        gradients = self._gradients((predicted - true) / 10.0)
        return entropy + self._regression * regression + self._smoothness * gradients, (entropy, regression, gradients)

    @staticmethod
    def _gradients(error):
        """Mean absolute gradient of the error at three scales: blotches cost, a wrong even tone does not."""
        total = 0.0
        for scale in range(3):
            if scale:
                error = F.avg_pool2d(error, 2)
            across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
            total = total + across.abs().mean() + down.abs().mean()
        return total / 3.0


def bin_prior(ab, bins, smoothing=1e-6):
    """How often each bin occurs: ab float (N, 2), bins (Q, 2); returns float64 (Q,), sums to one."""
    indices, weights = soft_encode(ab, bins)
    counts = np.bincount(indices.ravel(), weights.ravel().astype(np.float64), minlength=len(bins)) + smoothing
    return counts / counts.sum()


def bin_rarity(prior, uniform=0.5, temper=0.5):
    """Weight of each bin in the cross-entropy, float64 (Q,), one on average over the photos.

    As by Zhang et al. 2016 (equation 4: the prior mixed with ``uniform`` of an even one), to the power of ``temper``:
    their full range, about 1:50, puts colour on snow and walls when the model knows little.
    """
    rarity = ((1.0 - uniform) * prior + uniform / len(prior)) ** -temper
    return rarity / (prior * rarity).sum()
