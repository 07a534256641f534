"""What is exported computes what diffusers and open_clip compute from the same checkpoint."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from torch import nn

from export import modules
from export.checkpoint import Checkpoint
from export.layout import TEXT, Sizes, read_sizes, weights
from tests.support.checkpoints import SMALL, TINY


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return Checkpoint(tiny_checkpoint)


@pytest.mark.parametrize("sizes", [TINY, SMALL, Sizes(), Sizes(channels=128, hint_channels=5, context=768)])
def test_all_sizes_are_read_from_the_shapes(sizes):
    shapes = weights(sizes) | {f"{TEXT}transformer.resblocks.{sizes.text_layers - 1}.ln_1.weight": (sizes.context,)}
    assert read_sizes(shapes) == sizes


def test_the_true_shapes_have_the_published_number_of_parameters():
    counts = {}
    for name, shape in weights(Sizes()).items():
        prefix = name.split(".")[0]
        counts[prefix] = counts.get(prefix, 0) + int(np.prod(shape))
    assert [round(counts[prefix] / 1e6) for prefix in ("model", "control_model", "first_stage_model")] == [866, 364, 49]


@pytest.mark.parametrize("scale", [1.0, 9.0])
def test_a_step_is_that_of_diffusers(checkpoint, tiny_state, scale):
    """A step of DDIM with guidance: diffusers' ControlNet, UNet and scheduler against the one graph."""
    generator = torch.Generator().manual_seed(1)
    latents, hint = (torch.randn(2, channels, size, size, generator=generator) for channels, size in ((4, 8), (5, 64)))
    text = torch.randn(4, 77, TINY.context, generator=generator)
    scheduler = DDIMScheduler(
        1000,
        0.00085,
        0.012,
        "scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )
    scheduler.set_timesteps(20)
    timestep = scheduler.timesteps[3]
    unet, control = checkpoint.unet(), checkpoint.control()
    with torch.inference_mode():
        twice = latents.repeat(2, 1, 1, 1)
        down, middle = control(twice, timestep, text, hint.repeat(2, 1, 1, 1), return_dict=False)
        negative, positive = unet(
            twice, timestep, text, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample.chunk(2)
    expected = scheduler.step(negative + scale * (positive - negative), int(timestep), latents)

    alpha, before = (scheduler.alphas_cumprod[int(step)] for step in (timestep, timestep - 50))
    clean_output = -(((1 - alpha) / alpha) ** 0.5)
    # DDIM in the terms of the graph: the noise is (x - √ᾱ clean) / √(1 - ᾱ).
    next_sample = ((1 - before) / (1 - alpha)) ** 0.5
    step = torch.tensor(
        [float(timestep), scale, alpha**-0.5, clean_output, next_sample, before**0.5 - next_sample * alpha**0.5, 0]
    )
    projections = modules.take_projections(unet, control)
    with torch.inference_mode():
        features = modules.HintEncoder(control)(hint)
        got = modules.Denoiser(unet, control)(
            torch.stack([latents, torch.zeros_like(latents)]), step, features, text @ projections.T
        )
    torch.testing.assert_close(got[0], expected.prev_sample, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got[1], expected.pred_original_sample, rtol=1e-4, atol=1e-3)


def test_the_decoder_is_that_of_diffusers(checkpoint):
    latents = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = checkpoint.vae().decode(latents / 0.18215).sample / 2 + 0.5
        got = modules.Decoder(checkpoint.vae())(latents)
    torch.testing.assert_close(got, expected.clamp(0, 1), rtol=1e-4, atol=1e-5)


def test_the_embedding_is_that_of_open_clip_before_its_last_layer(checkpoint, tiny_state):
    """OpenCLIP's text tower, written out from its checkpoint's own names."""
    tokens = torch.randint(49408, (2, 77), generator=torch.Generator().manual_seed(1))
    state = {name.removeprefix(TEXT): weight for name, weight in tiny_state.items() if name.startswith(TEXT)}
    width = TINY.context
    with torch.inference_mode():
        hidden = state["token_embedding.weight"][tokens] + state["positional_embedding"]
        for index in range(TINY.text_layers - 1):
            block = f"transformer.resblocks.{index}."
            part = {name.removeprefix(block): weight for name, weight in state.items() if name.startswith(block)}
            attention = nn.MultiheadAttention(width, width // 64, batch_first=True)
            attention.load_state_dict(
                {name.removeprefix("attn."): weight for name, weight in part.items() if name.startswith("attn.")}
            )
            normal = _norm(hidden, part["ln_1.weight"], part["ln_1.bias"])
            hidden = hidden + attention(normal, normal, normal, attn_mask=state["attn_mask"], need_weights=False)[0]
            normal = _norm(hidden, part["ln_2.weight"], part["ln_2.bias"])
            inner = nn.functional.gelu(normal @ part["mlp.c_fc.weight"].T + part["mlp.c_fc.bias"])
            hidden = hidden + inner @ part["mlp.c_proj.weight"].T + part["mlp.c_proj.bias"]
        expected = _norm(hidden, state["ln_final.weight"], state["ln_final.bias"])
        projections = torch.randn(64, width)
        embedding, context = modules.TextEncoder(checkpoint.text(), projections)(tokens)
    torch.testing.assert_close(embedding, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(context, expected @ projections.T, rtol=1e-3, atol=1e-3)


def _norm(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return nn.functional.layer_norm(hidden, weight.shape, weight, bias, 1e-5)
