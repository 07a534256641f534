"""The layout of a ControlLDM checkpoint: what its weights' shapes tell, and the names and shapes it must have.

Source: ``openaimodel.py``, ``cldm.py`` and ``autoencoder`` of the latent-diffusion and ControlNet repositories.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

UNET = "model.diffusion_model."
CONTROL = "control_model."
VAE = "first_stage_model."
TEXT = "cond_stage_model.model."

# The one size that no weight's shape tells; it is the same in all of Stable Diffusion 2 and OpenCLIP's text encoders.
HEAD_WIDTH = 64
GROUPS = 32

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Sizes:
    """The sizes of a ControlLDM. The defaults are those of ColorizeNet on Stable Diffusion 2.1."""

    channels: int = 320
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    attention: tuple[bool, ...] = (True, True, True, False)
    blocks: int = 2
    latent_channels: int = 4
    hint_channels: int = 3
    context: int = 1024
    vae_channels: int = 128
    vae_multipliers: tuple[int, ...] = (1, 2, 4, 4)
    vae_blocks: int = 2
    text_layers: int = 24
    vocabulary: int = 49408
    context_length: int = 77


def read_sizes(shapes: Mapping[str, tuple[int, ...]]) -> Sizes:
    """The sizes that the weights' shapes tell.

    Raises:
        KeyError: if a weight that tells a size is missing; it names the weight.
    """
    control = {name: shape for name, shape in shapes.items() if name.startswith(CONTROL)}
    channels = shapes[f"{CONTROL}input_blocks.0.0.weight"][0]
    multipliers, attention, blocks, index = [], [], 0, 1
    while f"{CONTROL}input_blocks.{index}.0.in_layers.0.weight" in control:
        first = index
        while f"{CONTROL}input_blocks.{index}.0.in_layers.0.weight" in control:
            index += 1
        blocks = index - first
        multipliers.append(shapes[f"{CONTROL}input_blocks.{first}.0.out_layers.3.weight"][0] // channels)
        attention.append(f"{CONTROL}input_blocks.{first}.1.proj_in.weight" in control)
        index += 1
    vae_channels = shapes[f"{VAE}decoder.conv_out.weight"][1]
    levels = _count(shapes, f"{VAE}decoder.up.", ".block.0.conv1.weight")
    return Sizes(
        channels,
        tuple(multipliers),
        tuple(attention),
        blocks,
        latent_channels=shapes[f"{CONTROL}input_blocks.0.0.weight"][1],
        hint_channels=shapes[f"{CONTROL}input_hint_block.0.weight"][1],
        context=shapes[f"{TEXT}token_embedding.weight"][1],
        vae_channels=vae_channels,
        vae_multipliers=tuple(
            shapes[f"{VAE}decoder.up.{level}.block.0.conv1.weight"][0] // vae_channels for level in range(levels)
        ),
        vae_blocks=_count(shapes, f"{VAE}decoder.up.0.block.", ".conv1.weight") - 1,
        text_layers=_count(shapes, f"{TEXT}transformer.resblocks.", ".ln_1.weight"),
        vocabulary=shapes[f"{TEXT}token_embedding.weight"][0],
        context_length=shapes[f"{TEXT}positional_embedding"][0],
    )


def weights(sizes: Sizes) -> Shapes:
    """Name and shape of every weight that an export needs, in the order of the checkpoint."""
    return dict(_unet(sizes)) | dict(_control(sizes)) | dict(_decoder(sizes)) | dict(_text(sizes))


def _count(shapes: Mapping[str, tuple[int, ...]], before: str, after: str) -> int:
    number = 0
    while f"{before}{number}{after}" in shapes:
        number += 1
    return number


Weights = Iterator[tuple[str, tuple[int, ...]]]


def _layer(name: str, *shape: int) -> Weights:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _resnet(name: str, inner: int, outer: int, embedding: int) -> Weights:
    yield from _layer(f"{name}.in_layers.0", inner)
    yield from _layer(f"{name}.in_layers.2", outer, inner, 3, 3)
    yield from _layer(f"{name}.emb_layers.1", outer, embedding)
    yield from _layer(f"{name}.out_layers.0", outer)
    yield from _layer(f"{name}.out_layers.3", outer, outer, 3, 3)
    if inner != outer:
        yield from _layer(f"{name}.skip_connection", outer, inner, 1, 1)


def _transformer(name: str, width: int, context: int) -> Weights:
    yield from _layer(f"{name}.norm", width)
    yield from _layer(f"{name}.proj_in", width, width)
    block = f"{name}.transformer_blocks.0"
    for attention, source in (("attn1", width), ("attn2", context)):
        yield f"{block}.{attention}.to_q.weight", (width, width)
        yield f"{block}.{attention}.to_k.weight", (width, source)
        yield f"{block}.{attention}.to_v.weight", (width, source)
        yield from _layer(f"{block}.{attention}.to_out.0", width, width)
    yield from _layer(f"{block}.ff.net.0.proj", 8 * width, width)
    yield from _layer(f"{block}.ff.net.2", width, 4 * width)
    for norm in ("norm1", "norm2", "norm3"):
        yield from _layer(f"{block}.{norm}", width)
    yield from _layer(f"{name}.proj_out", width, width)


def _encoder(prefix: str, sizes: Sizes) -> Weights:
    """The parts that UNet and ControlNet share: time embedding, encoder and middle."""
    embedding, width = 4 * sizes.channels, sizes.channels
    yield from _layer(f"{prefix}time_embed.0", embedding, width)
    yield from _layer(f"{prefix}time_embed.2", embedding, embedding)
    yield from _layer(f"{prefix}input_blocks.0.0", width, sizes.latent_channels, 3, 3)
    index = 1
    for level, (multiplier, attends) in enumerate(zip(sizes.multipliers, sizes.attention, strict=True)):
        for _ in range(sizes.blocks):
            outer = multiplier * sizes.channels
            yield from _resnet(f"{prefix}input_blocks.{index}.0", width, outer, embedding)
            if attends:
                yield from _transformer(f"{prefix}input_blocks.{index}.1", outer, sizes.context)
            width, index = outer, index + 1
        if level < len(sizes.multipliers) - 1:
            yield from _layer(f"{prefix}input_blocks.{index}.0.op", width, width, 3, 3)
            index += 1
    yield from _resnet(f"{prefix}middle_block.0", width, width, embedding)
    yield from _transformer(f"{prefix}middle_block.1", width, sizes.context)
    yield from _resnet(f"{prefix}middle_block.2", width, width, embedding)


def skip_widths(sizes: Sizes) -> list[int]:
    """Channels of the encoder's outputs, and so of the ControlNet's residuals."""
    widths = [sizes.channels]
    for level, multiplier in enumerate(sizes.multipliers):
        widths += [multiplier * sizes.channels] * (sizes.blocks + (level < len(sizes.multipliers) - 1))
    return widths


def _unet(sizes: Sizes) -> Weights:
    yield from _encoder(UNET, sizes)
    skips, index = skip_widths(sizes), 0
    width = skips[-1]
    for level in reversed(range(len(sizes.multipliers))):
        outer = sizes.multipliers[level] * sizes.channels
        for block in range(sizes.blocks + 1):
            name = f"{UNET}output_blocks.{index}"
            yield from _resnet(f"{name}.0", width + skips.pop(), outer, 4 * sizes.channels)
            if sizes.attention[level]:
                yield from _transformer(f"{name}.1", outer, sizes.context)
            if level and block == sizes.blocks:
                yield from _layer(f"{name}.{1 + sizes.attention[level]}.conv", outer, outer, 3, 3)
            width, index = outer, index + 1
    yield from _layer(f"{UNET}out.0", width)
    yield from _layer(f"{UNET}out.2", sizes.latent_channels, width, 3, 3)


def _control(sizes: Sizes) -> Weights:
    yield from _encoder(CONTROL, sizes)
    for index, width in enumerate(skip_widths(sizes)):
        yield from _layer(f"{CONTROL}zero_convs.{index}.0", width, width, 1, 1)
    yield from _layer(f"{CONTROL}middle_block_out.0", width, width, 1, 1)
    widths = (sizes.hint_channels, 16, 16, 32, 32, 96, 96, 256, sizes.channels)
    for index, (inner, outer) in enumerate(itertools.pairwise(widths)):
        yield from _layer(f"{CONTROL}input_hint_block.{2 * index}", outer, inner, 3, 3)


def _vae_resnet(name: str, inner: int, outer: int) -> Weights:
    yield from _layer(f"{name}.norm1", inner)
    yield from _layer(f"{name}.conv1", outer, inner, 3, 3)
    yield from _layer(f"{name}.norm2", outer)
    yield from _layer(f"{name}.conv2", outer, outer, 3, 3)
    if inner != outer:
        yield from _layer(f"{name}.nin_shortcut", outer, inner, 1, 1)


def vae_middle(name: str, width: int) -> Weights:
    """Name and shape of each weight of the middle of the VAE's encoder or decoder."""
    yield from _vae_resnet(f"{name}.block_1", width, width)
    yield from _layer(f"{name}.attn_1.norm", width)
    for projection in ("q", "k", "v", "proj_out"):
        yield from _layer(f"{name}.attn_1.{projection}", width, width, 1, 1)
    yield from _vae_resnet(f"{name}.block_2", width, width)


def _decoder(sizes: Sizes) -> Weights:
    name, latents = f"{VAE}decoder", sizes.latent_channels
    width = sizes.vae_multipliers[-1] * sizes.vae_channels
    yield from _layer(f"{VAE}post_quant_conv", latents, latents, 1, 1)
    yield from _layer(f"{name}.conv_in", width, latents, 3, 3)
    yield from vae_middle(f"{name}.mid", width)
    for level in reversed(range(len(sizes.vae_multipliers))):
        outer = sizes.vae_multipliers[level] * sizes.vae_channels
        for block in range(sizes.vae_blocks + 1):
            yield from _vae_resnet(f"{name}.up.{level}.block.{block}", width, outer)
            width = outer
        if level:
            yield from _layer(f"{name}.up.{level}.upsample.conv", width, width, 3, 3)
    yield from _layer(f"{name}.norm_out", width)
    yield from _layer(f"{name}.conv_out", 3, width, 3, 3)


def _text(sizes: Sizes) -> Weights:
    width = sizes.context
    yield f"{TEXT}positional_embedding", (sizes.context_length, width)
    yield f"{TEXT}token_embedding.weight", (sizes.vocabulary, width)
    # The last layer is not used: Stable Diffusion 2 takes the output of the one before it.
    for index in range(sizes.text_layers - 1):
        name = f"{TEXT}transformer.resblocks.{index}"
        yield from _layer(f"{name}.ln_1", width)
        yield f"{name}.attn.in_proj_weight", (3 * width, width)
        yield f"{name}.attn.in_proj_bias", (3 * width,)
        yield from _layer(f"{name}.attn.out_proj", width, width)
        yield from _layer(f"{name}.ln_2", width)
        yield from _layer(f"{name}.mlp.c_fc", 4 * width, width)
        yield from _layer(f"{name}.mlp.c_proj", width, 4 * width)
    yield from _layer(f"{TEXT}ln_final", width)
