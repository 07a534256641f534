"""The parts of the bundle as torch modules, made of diffusers' and transformers' own.

g is 2 with guidance, else 1; n: photos; h, w: sides of the latents, an eighth of the picture's; E: width of the text
encoder; K: width of the context, which holds the keys and values of all cross-attentions.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel


class MultiHeadAttention(torch.autograd.Function):
    """softmax(q kᵀ / √d) v; in ONNX one operator of ONNX Runtime, com.microsoft.MultiHeadAttention."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        q, k, v = (part.reshape(*part.shape[:2], heads, -1).transpose(1, 2) for part in (query, key, value))
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(graph: Any, query: Any, key: Any, value: Any, heads: int) -> Any:
        return graph.op("com.microsoft::MultiHeadAttention", query, key, value, num_heads_i=heads).setType(query.type())


#: Query (b, s, c), key (b, t, c), value (b, t, c) and the number of heads to (b, s, c).
attend: Callable[[Tensor, Tensor, Tensor, int], Tensor] = MultiHeadAttention.apply


class Attention:
    """A processor for an attention of diffusers."""

    def __init__(self, keys: int | None = None):
        """``keys``: where in the context a cross-attention's keys begin, then its values; None: self-attention."""
        self._keys = keys

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: object
    ) -> Tensor:
        residual = hidden_states
        if attn.group_norm is not None:  # the VAE's
            hidden_states = attn.group_norm(hidden_states).flatten(2).transpose(1, 2)
        query = attn.to_q(hidden_states)
        if self._keys is None or encoder_hidden_states is None:
            key, value = attn.to_k(hidden_states), attn.to_v(hidden_states)
        else:
            start, width = self._keys, attn.inner_dim
            key = encoder_hidden_states[..., start : start + width]
            value = encoder_hidden_states[..., start + width : start + 2 * width]
        hidden_states = attn.to_out[0](attend(query, key, value, attn.heads))
        if attn.group_norm is not None:
            hidden_states = hidden_states.transpose(1, 2).reshape(residual.shape) + residual
        return hidden_states


class _Part(nn.Module):
    """A module with the ``config`` that Optimum's exporter asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace()


class TextEncoder(_Part):
    """Tokens int64 (m, 77) to embedding float32 (m, 77, E) and context (m, 77, K)."""

    def __init__(self, text: CLIPTextModel, projections: Tensor):
        super().__init__()
        self.text = text.text_model
        self.projections = nn.Parameter(projections)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.text(tokens).last_hidden_state
        return embedding.float(), functional.linear(embedding, self.projections)


class HintEncoder(_Part):
    """Hint float32 (n, C, 8h, 8w), 0 to 1, to hint_features (n, M, h, w)."""

    def __init__(self, control: ControlNetModel):
        super().__init__()
        self.embedding = control.controlnet_cond_embedding

    def forward(self, hint: Tensor) -> Tensor:
        features: Tensor = self.embedding(hint.to(self.embedding.conv_in.weight.dtype))
        return features


class Denoiser(_Part):
    """A step of the sampler; docs/colorizenet.md describes its inputs, its output and its arithmetic."""

    def __init__(self, unet: UNet2DConditionModel, control: ControlNetModel):
        super().__init__()
        self.unet, self.control = unet, control

    def forward(self, state: Tensor, step: Tensor, hint_features: Tensor, context: Tensor) -> Tensor:
        timestep, scale, clean_sample, clean_output, next_sample, next_clean, next_before = step.unbind()
        latents, before = state[0], state[1]
        dtype = self.unet.conv_in.weight.dtype
        output = self._output(latents.to(dtype), timestep.reshape(1), hint_features, context).float()
        output = output.reshape(-1, *latents.shape)
        negative, positive = output[0], output[-1]
        guided = negative + scale * (positive - negative)
        clean = clean_sample * latents + clean_output * guided
        return torch.stack([next_sample * latents + next_clean * clean + next_before * before, clean])

    def _output(self, latents: Tensor, timestep: Tensor, hint_features: Tensor, context: Tensor) -> Tensor:
        repeated = torch.arange(context.shape[0], device=latents.device) % latents.shape[0]
        latents, hint_features = latents[repeated], hint_features[repeated]
        control, unet = self.control, self.unet
        embedding = _embedding(control, timestep, latents)
        hidden, skips = _encode(control, control.conv_in(latents) + hint_features, embedding, context)
        residuals = [convolve(skip) for convolve, skip in zip(control.controlnet_down_blocks, skips, strict=True)]
        middle = control.controlnet_mid_block(hidden)

        embedding = _embedding(unet, timestep, latents)
        hidden, skips = _encode(unet, unet.conv_in(latents), embedding, context)
        skips = [skip + residual for skip, residual in zip(skips, residuals, strict=True)]
        return _decode(unet, hidden + middle, skips, embedding, context)


class Decoder(_Part):
    """Latents float32 (n, 4, h, w) to image float32 (n, 3, 8h, 8w), RGB in 0 to 1."""

    def __init__(self, vae: AutoencoderKL):
        super().__init__()
        self.post_quant_conv, self.decoder = vae.post_quant_conv, vae.decoder
        for attention in vae.decoder.mid_block.attentions:
            attention.set_processor(Attention())
        self.scale = vae.config.scaling_factor

    def forward(self, latents: Tensor) -> Tensor:
        latents = (latents / self.scale).to(self.post_quant_conv.weight.dtype)
        image: Tensor = self.decoder(self.post_quant_conv(latents))
        return (image.float() / 2 + 0.5).clamp(0, 1)


def _embedding(model: UNet2DConditionModel | ControlNetModel, timestep: Tensor, latents: Tensor) -> Tensor:
    """The timestep's embedding, computed once and repeated for each latent, as ONNX Runtime's fusions expect it."""
    embedding: Tensor = model.time_embedding(model.time_proj(timestep).to(latents.dtype))
    return embedding.expand(latents.shape[0], -1)


def _encode(
    model: UNet2DConditionModel | ControlNetModel, hidden: Tensor, embedding: Tensor, context: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The output of encoder and middle, and the outputs of all layers of the encoder."""
    skips = [hidden]
    for block in model.down_blocks:
        hidden, outputs = block(hidden, embedding, **_context(block, context))
        skips += outputs
    return model.mid_block(hidden, embedding, encoder_hidden_states=context), skips


def _decode(
    unet: UNet2DConditionModel, hidden: Tensor, skips: list[Tensor], embedding: Tensor, context: Tensor
) -> Tensor:
    for block in unet.up_blocks:
        count = len(block.resnets)
        skips, own = skips[:-count], skips[-count:]
        hidden = block(hidden, tuple(own), embedding, **_context(block, context))
    output: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))
    return output


def _context(block: nn.Module, context: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": context} if getattr(block, "has_cross_attention", False) else {}


def take_projections(unet: UNet2DConditionModel, control: ControlNetModel) -> Tensor:
    """Take the projections to keys and values out of all cross-attentions, to compute them once for a prompt.

    Instead, each cross-attention gets a processor that reads its keys and values from the context.

    Returns:
        the weights of the projections, (K, E).
    """
    weights, start = [], 0
    for model in (control, unet):
        processors = {}
        for name in model.attn_processors:
            attention = model.get_submodule(name.removesuffix(".processor"))
            if not attention.is_cross_attention:
                processors[name] = Attention()
                continue
            weights += [attention.to_k.weight, attention.to_v.weight]
            del attention.to_k, attention.to_v
            processors[name] = Attention(start)
            start += 2 * attention.inner_dim
        model.set_attn_processor(processors)
    return torch.cat([weight.detach() for weight in weights])
