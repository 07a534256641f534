"""Checkpoints: written whole or not at all, and weights read from them and from the interim model's."""

import os
from pathlib import Path

import torch

from training.network import ColorizeNetLite

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


def save(path, state):
    """Write a checkpoint under a passing name and rename it, so that no reader ever sees half of one."""
    path = Path(path)
    passing = path.with_suffix(".partial")
    torch.save(state, passing)
    os.replace(passing, path)


def load(path, device="cpu"):
    """Read a checkpoint made by ``save``; refuses pickles that need more than tensors and plain values."""
    return torch.load(path, map_location=device, weights_only=True)


def soup(paths):
    """The mean of several training checkpoints of one run: {"encoder": name, "average": state dict, "prior": (Q,)}.

    Weights from different moments of a run average well, and generalise better (Wortsman et al. 2022, "Model soups").
    """
    states = [load(path) for path in paths]
    average = {}
    for name, value in states[0]["average"].items():
        if value.is_floating_point():
            value = torch.stack([state["average"][name] for state in states]).mean(dim=0)
        average[name] = value
    return {"encoder": states[0]["encoder"], "average": average, "prior": states[0]["prior"]}


def network(state):
    """The network of a checkpoint or a soup with its averaged weights, ready to run."""
    model = ColorizeNetLite(state["encoder"])
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False)


def _from_interim(state):
    renamed = {}
    for name, value in state.items():
        old = next(old for old in _INTERIM_NAMES if name.startswith(old))
        renamed[_INTERIM_NAMES[old] + name[len(old) :]] = value.float() if value.is_floating_point() else value
    return renamed


def warm_start(model, path):
    """Load a training checkpoint's averaged weights, or a bare state dict of the interim model, into ``model``.

    Parts that the file does not know keep their initial values; a part of another shape is an error. Returns the
    names of the parts that were not in the file.
    """
    state = load(path)
    if "average" in state:
        state = state["average"]
    elif any(name.startswith("e._blocks.") for name in state):
        state = _from_interim(state)
    result = model.load_state_dict(state, strict=False)
    if result.unexpected_keys:
        raise ValueError(f"{path} has parts this model lacks: {result.unexpected_keys[:5]}")
    return result.missing_keys
