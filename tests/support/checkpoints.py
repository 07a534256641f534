"""Checkpoints of a ControlLDM with random weights, in the real layout, at any width.

``python -m tests.support.checkpoints FILE [--full | --tiny] [--half]`` writes one; FILE ends with .ckpt or
.safetensors.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from export.layout import TEXT, VAE, Sizes, vae_middle, weights

# All blocks of the real model at a fifth of its width; and as few of them as there can be.
SMALL = Sizes(channels=64, context=128, vae_channels=32, text_layers=4)
TINY = Sizes(
    channels=64,
    multipliers=(1, 2),
    attention=(True, False),
    blocks=1,
    context=64,
    vae_channels=32,
    vae_multipliers=(1, 1, 1, 2),
    vae_blocks=1,
    text_layers=2,
    hint_channels=5,
)


def state_dict(sizes: Sizes = SMALL, dtype: torch.dtype = torch.float32, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict with all that a real one holds: also the schedule, the VAE's encoder and the unused text layer."""
    generator = torch.Generator().manual_seed(seed)
    shapes = weights(sizes) | dict(_not_exported(sizes))
    return {name: _random(name, shape, generator).to(dtype) for name, shape in shapes.items()} | _buffers(sizes)


def write(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """Write it as safetensors, or as PyTorch Lightning does."""
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(
            {
                "epoch": 3,
                "global_step": 1000,
                "pytorch-lightning_version": "1.9.5",
                "state_dict": state,
                "loops": None,
                "callbacks": {},
                "optimizer_states": [],
                "lr_schedulers": [],
            },
            path,
        )
    return path


def _random(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Weights with which activations neither vanish nor grow, and none of which is zero (the zero convolutions too)."""
    values = torch.randn(shape, generator=generator)
    if name.endswith("bias"):
        return 0.1 * values
    if len(shape) == 1:
        return 1 + 0.1 * values
    if "embedding" in name:
        return 0.5 * values
    return values / math.sqrt(math.prod(shape[1:]))


def _not_exported(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The rest of the VAE and of the text tower."""
    width = sizes.vae_multipliers[-1] * sizes.vae_channels
    yield from vae_middle(f"{VAE}encoder.mid", width)
    for name, shape in (
        ("encoder.conv_in", (sizes.vae_channels, 3, 3, 3)),
        ("encoder.norm_out", (width,)),
        ("encoder.conv_out", (2 * sizes.latent_channels, width, 3, 3)),
        ("quant_conv", (2 * sizes.latent_channels, 2 * sizes.latent_channels, 1, 1)),
    ):
        yield f"{VAE}{name}.weight", shape
        yield f"{VAE}{name}.bias", shape[:1]
    before = sizes.vae_channels
    for level, multiplier in enumerate(sizes.vae_multipliers):
        after = multiplier * sizes.vae_channels
        for block in range(sizes.vae_blocks):
            for norm, conv, inner in (("norm1", "conv1", before), ("norm2", "conv2", after)):
                yield f"{VAE}encoder.down.{level}.block.{block}.{norm}.weight", (inner,)
                yield f"{VAE}encoder.down.{level}.block.{block}.{norm}.bias", (inner,)
                yield f"{VAE}encoder.down.{level}.block.{block}.{conv}.weight", (after, inner, 3, 3)
                yield f"{VAE}encoder.down.{level}.block.{block}.{conv}.bias", (after,)
            if before != after:
                yield f"{VAE}encoder.down.{level}.block.{block}.nin_shortcut.weight", (after, before, 1, 1)
                yield f"{VAE}encoder.down.{level}.block.{block}.nin_shortcut.bias", (after,)
            before = after
        if level < len(sizes.vae_multipliers) - 1:
            yield f"{VAE}encoder.down.{level}.downsample.conv.weight", (after, after, 3, 3)
            yield f"{VAE}encoder.down.{level}.downsample.conv.bias", (after,)
    used = f"{TEXT}transformer.resblocks.0."
    for name, shape in weights(sizes).items():
        if name.startswith(used):
            yield name.replace(used, f"{TEXT}transformer.resblocks.{sizes.text_layers - 1}."), shape
    yield f"{TEXT}text_projection", (sizes.context, sizes.context)


def _buffers(sizes: Sizes) -> dict[str, torch.Tensor]:
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = np.cumprod(1 - betas)
    schedule = {
        "betas": betas,
        "alphas_cumprod": alphas,
        "alphas_cumprod_prev": np.append(1, alphas[:-1]),
        "sqrt_alphas_cumprod": alphas**0.5,
        "sqrt_one_minus_alphas_cumprod": (1 - alphas) ** 0.5,
        "log_one_minus_alphas_cumprod": np.log(1 - alphas),
    }
    length = sizes.context_length
    mask = torch.full((length, length), float("-inf")).triu(1)
    return {name: torch.from_numpy(values).float() for name, values in schedule.items()} | {
        "scale_factor": torch.tensor(0.18215),
        f"{TEXT}logit_scale": torch.tensor(4.6052),
        f"{TEXT}attn_mask": mask,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a ControlLDM checkpoint with random weights.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--full", action="store_true", help="with the true shapes of ColorizeNet (6.6 GB)")
    parser.add_argument("--tiny", action="store_true", help="with as few blocks as there can be")
    parser.add_argument("--half", action="store_true", help="with float16 weights")
    arguments = parser.parse_args()
    sizes = Sizes() if arguments.full else TINY if arguments.tiny else SMALL
    write(arguments.path, state_dict(sizes, torch.float16 if arguments.half else torch.float32))


if __name__ == "__main__":
    main()
