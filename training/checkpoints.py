"""Checkpoints: written whole or not at all, and weights read from them and from the interim model's.

A checkpoint is a dict: ``encoder``, its name; ``step``; ``prior``, float64 (Q,), how often each bin occurs;
``average``, the averaged weights, a state dict; and where training can go on from it, ``model`` and ``optimizer``,
state dicts too.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.network import ColorizeNetLite

Checkpoint = dict[str, Any]

# How the interim model, of the same encoder and decoder without hints, named what this one took over.
_INTERIM_NAMES = {
    "e.": "encoder.net.",
    "ctx.": "context.",
    "g.": "scene.",
    "u1.c.0.": "up16.mix.",
    "u1.c.1.": "up16.norm.",
    "u2.c.0.": "up8.mix.",
    "u2.c.1.": "up8.norm.",
    "u3.c.0.": "up4.mix.",
    "u3.c.1.": "up4.norm.",
    "head.": "head.",
    "q": "bins",
}


def save(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint under a passing name and rename it, so that no reader ever sees half of one."""
    passing = path.with_suffix(".partial")
    torch.save(state, passing)
    os.replace(passing, path)


def load(path: Path, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint made by ``save``; refuses pickles that need more than tensors and plain values."""
    state: Checkpoint = torch.load(path, map_location=device, weights_only=True)
    return state


def soup(paths: Sequence[Path]) -> Checkpoint:
    """The mean of several checkpoints of one run, with ``encoder``, ``average`` and ``prior``.

    Weights from different moments of a run average well, and generalise better (Wortsman et al. 2022, "Model soups").
    """
    states = [load(path) for path in paths]
    first = states[0]
    average = {
        name: torch.stack([state["average"][name] for state in states]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in first["average"].items()
    }
    return {"encoder": first["encoder"], "average": average, "prior": first["prior"]}


def network(state: Checkpoint) -> ColorizeNetLite:
    """The network of a checkpoint or a soup with its averaged weights, ready to run."""
    model = ColorizeNetLite(state["encoder"])
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False)


def _from_interim(state: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, value in state.items():
        old = next(old for old in _INTERIM_NAMES if name.startswith(old))
        renamed[_INTERIM_NAMES[old] + name[len(old) :]] = value.float() if value.is_floating_point() else value
    return renamed


def warm_start(model: ColorizeNetLite, path: Path) -> list[str]:
    """Load a checkpoint's averaged weights, or a bare state dict of the interim model, into ``model``.

    Parts that the file does not know keep their initial values.

    Returns:
        The names of the parts that were not in the file.

    Raises:
        ValueError: if the file has parts that the model lacks.
        RuntimeError: if a part is of another shape.
    """
    state = load(path)
    if "average" in state:
        state = state["average"]
    elif any(name.startswith("e._blocks.") for name in state):
        state = _from_interim(state)
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected:
        raise ValueError(f"{path} has parts this model lacks: {unexpected[:5]}")
    return list(missing)
