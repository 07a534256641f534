"""How colour hints reach the network: pooled to every scale, and spread over surfaces that look alike."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.bins import AB_SCALE


class HintPyramid:
    """Sparse hints averaged over cells of several sizes; only hinted pixels count."""

    def __init__(self, sums: dict[int, Tensor]):
        """
        Args:
            sums: by the side of the cells in pixels, (N, 3, H/cell, W/cell): means of a* and b* over AB_SCALE times the
                mask, and of the mask.
        """
        self._sums = sums

    def mass(self, cell: int) -> Tensor:
        """Share of hinted pixels in each cell of ``cell`` pixels: (N, 1, H/cell, W/cell)."""
        return self._sums[cell][:, 2:]

    def at(self, cell: int) -> Tensor:
        """Mean hinted chroma over AB_SCALE and presence, 0 or 1: (N, 3, H/cell, W/cell), zero without a hint."""
        sums = self._sums[cell]
        mass = sums[:, 2:]
        return torch.cat([sums[:, :2] / mass.clamp(min=1e-6), (mass > 0).to(sums.dtype)], dim=1)


def hint_pyramid(hints: Tensor) -> HintPyramid:
    """Pool hints (N, 3, H, W), a*, b*, mask, to cells of 4, 8 and 16 pixels."""
    mask = hints[:, 2:]
    sums = {4: F.avg_pool2d(torch.cat([hints[:, :2] * mask / AB_SCALE, mask], dim=1), 4)}
    for cell in (8, 16):
        sums[cell] = F.avg_pool2d(sums[cell // 2], 2)
    return HintPyramid(sums)


def _grid(x: Tensor) -> Tensor:
    """Row and column of each cell of x (N, C, h, w), float (h * w, 2), in an exportable form."""
    ones = torch.ones_like(x[0, 0])
    rows, columns = torch.cumsum(ones, 0) - 1.0, torch.cumsum(ones, 1) - 1.0
    return torch.stack([rows.flatten(), columns.flatten()], dim=1)


class HintSpread(nn.Module):
    """Each cell of 1/8 looks for hints (in cells of 1/16) that lie near it and on something that looks like it.

    Attention whose keys are the places of hints only, with distance as a bias, and with a null key that takes what no
    hint should have. Per head it answers with the chroma found, weighted by the trust in it, and that trust (0..1):
    three planes, all exactly zero without hints.
    """

    heads = 4
    width = 16
    outputs = 3 * heads

    def __init__(self, inputs: int):
        super().__init__()
        self.query = nn.Conv2d(inputs, self.heads * self.width, 1)
        self.key = nn.Conv2d(inputs, self.heads * self.width, 1)
        # Chance of the null key, and how fast trust falls with distance (log of 1 / (64 pixels)^2): from far to near.
        self.null = nn.Parameter(torch.zeros(self.heads))
        self.log_falloff = nn.Parameter(torch.tensor([0.03, 0.2, 1.0, 5.0]).log())

    def forward(self, features: Tensor, pyramid: HintPyramid) -> Tensor:
        """(N, inputs, H/8, W/8) to (N, 3 * heads, H/8, W/8)."""
        # Distances and the mask's -1e4 need float32 under autocast too.
        with torch.autocast(features.device.type, enabled=False):
            return self._spread(features.float(), pyramid)

    def _spread(self, features: Tensor, pyramid: HintPyramid) -> Tensor:
        n, _, height, width = features.shape
        mass = pyramid.mass(8)
        key = F.avg_pool2d(self.key(features) * mass, 2) / F.avg_pool2d(mass, 2).clamp(min=1e-6)
        query = self.query(features).reshape(n, self.heads, self.width, -1).transpose(2, 3)
        logits = query @ key.reshape(n, self.heads, self.width, -1) * self.width**-0.5
        here = _grid(features) / 8.0
        there = (2.0 * _grid(key) + 0.5) / 8.0
        distance = here.square().sum(1)[:, None] + there.square().sum(1)[None] - 2.0 * here @ there.T
        hints = pyramid.at(16).flatten(2)
        logits = logits - self.log_falloff.exp()[:, None, None] * distance + (hints[:, None, 2:] - 1.0) * 1e4
        null = self.null[None, :, None, None].expand(n, -1, height * width, 1)
        weights = torch.softmax(torch.cat([logits, null], dim=3), dim=3)[..., :-1]
        found = (weights @ hints[:, None].transpose(2, 3)).permute(0, 1, 3, 2)
        # Sharper than it was trained: faint trust is mostly another surface of like tone.
        return (found * found[:, :, 2:].square()).reshape(n, self.outputs, height, width)
