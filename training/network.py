"""ColorizeNet-Lite: luminance and sparse colour hints in, chroma at a quarter of the resolution out.

An EfficientNet-Lite encoder (Tan, Le 2019, without squeeze-and-excitation and with ReLU6), a light U-Net decoder, and a
distribution over the in-gamut ab bins that an annealed mean turns into chroma (Zhang et al. 2016). Hints (Zhang
et al. 2017) enter at every scale through branches that start at zero, and spread over like surfaces by attention
(``hint_spread``).
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from training.bins import AB_SCALE, gamut_bins
from training.hint_spread import HintSpread, hint_pyramid

TEMPERATURE = 0.38

# For each encoder: the blocks that complete the scales 1/4, 1/8, 1/16 and 1/32, and the channels that leave them.
ENCODERS = {
    "efficientnet-lite0": ((2, 4, 10, 15), (24, 40, 112, 320)),
    "efficientnet-lite2": ((3, 6, 14, 20), (24, 48, 120, 352)),
}

Layer = TypeVar("Layer", bound=nn.Module)

# ImageNet's mean and deviation of gray levels: the encoder learned on pictures so normalised.
_GRAY_MEAN, _GRAY_DEVIATION = 0.449, 0.226


def _conv_norm(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False), nn.BatchNorm2d(outputs)
    )


def _zero(module: Layer) -> Layer:
    """Zero a layer's weights, so that the branch it ends adds nothing until it has learned something."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Encoder(nn.Module):
    """EfficientNet-Lite on a gray picture. The stem and the blocks up to 1/4 stay as ImageNet made them."""

    def __init__(self, name: str):
        """
        Args:
            name: one of ENCODERS.
        """
        super().__init__()
        self.name = name
        self.taps, self.channels = ENCODERS[name]
        self.net = EfficientNet.from_name(name)
        self.net._conv_head = self.net._bn1 = self.net._fc = nn.Identity()
        self.hints = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1, bias=False),
            nn.ReLU6(),
            _zero(nn.Conv2d(32, self.channels[0], 3, padding=1, bias=False)),
        )

    def frozen_modules(self) -> list[nn.Module]:
        """The layers that are not trained: edges and textures of ImageNet serve gray pictures as they are."""
        return [self.net._conv_stem, self.net._bn0, *self.net._blocks[: self.taps[0] + 1]]

    def forward(self, luminance: Tensor, hints_quarter: Tensor) -> list[Tensor]:
        """The features at 1/4, 1/8, 1/16 and 1/32.

        Args:
            luminance: (N, 1, H, W), L*.
            hints_quarter: (N, 3, H/4, W/4), of ``HintPyramid.at(4)``.
        """
        x = ((luminance / 100.0 - _GRAY_MEAN) / _GRAY_DEVIATION).expand(-1, 3, -1, -1)
        with torch.no_grad():
            x = self.net._swish(self.net._bn0(self.net._conv_stem(x)))
            for block in self.net._blocks[: self.taps[0] + 1]:
                x = block(x)
        x = x + self.hints(hints_quarter)
        features = [x]
        for i, block in enumerate(self.net._blocks[self.taps[0] + 1 :], self.taps[0] + 1):
            x = block(x)
            if i in self.taps:
                features.append(x)
        return features


class Upsample(nn.Module):
    """Twice as large, joined with the encoder's features and with hints of that scale, mixed by a 3x3 convolution."""

    def __init__(self, inputs: int, skip: int, hints: int, outputs: int):
        super().__init__()
        self.mix = nn.Conv2d(inputs + skip, outputs, 3, padding=1, bias=False)
        self.hints = _zero(nn.Conv2d(hints, outputs, 3, padding=1, bias=False))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, joined: Tensor, hints: Tensor) -> Tensor:
        """(N, inputs + skip, h, w) and (N, hints, h, w) to (N, outputs, h, w)."""
        return F.relu6(self.norm(self.mix(joined) + self.hints(hints)))


class Refine(nn.Module):
    """A residual pair of 3x3 convolutions, the second dilated: a wider look around before colours are settled."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = _conv_norm(channels, channels)
        self.second = _conv_norm(channels, channels, dilation=2)
        _zero(self.second[1])

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to the same."""
        return x + self.second(F.relu6(self.first(x)))


class Overview(nn.Module):
    """One transformer block at 1/32 (Vaswani et al. 2017), so that parts far apart agree on what the scene is."""

    def __init__(self, channels: int, heads: int = 4, width: int = 32):
        super().__init__()
        self.heads, self.width = heads, width
        # Tells neighbours apart without fixing the picture's size (Chu et al. 2021, conditional position encodings).
        self.position = _zero(nn.Conv2d(channels, channels, 3, padding=1, groups=channels))
        self.norm_attention, self.norm_mlp = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.queries_keys_values = nn.Linear(channels, 3 * heads * width)
        self.attended = _zero(nn.Linear(heads * width, channels))
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.ReLU(), _zero(nn.Linear(2 * channels, channels)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to the same."""
        x = x + self.position(x)
        n, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        qkv = self.queries_keys_values(self.norm_attention(tokens)).reshape(n, -1, 3, self.heads, self.width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(q @ k.transpose(-1, -2) * self.width**-0.5, dim=-1)
        tokens = tokens + self.attended((weights @ v).transpose(1, 2).reshape(n, -1, self.heads * self.width))
        tokens = tokens + self.mlp(self.norm_mlp(tokens))
        return tokens.transpose(1, 2).reshape(n, channels, height, width)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ColorizeNetLite(nn.Module):
    """The whole network. ``forward`` gives logits over the bins, ``colorize`` chroma."""

    bins: Tensor
    temperature: Tensor
    vividness: Tensor
    cast: Tensor

    def __init__(self, encoder: str, dropout: float = 0.1):
        """
        Args:
            encoder: one of ENCODERS.
            dropout: chance of a channel of the middle to be dropped in training.
        """
        super().__init__()
        bins = torch.from_numpy(gamut_bins())
        self.register_buffer("bins", bins)
        self.register_buffer("temperature", torch.tensor(TEMPERATURE))
        # Chosen after training, hence no part of a checkpoint.
        self.register_buffer("vividness", torch.tensor(1.0), persistent=False)
        self.register_buffer("cast", torch.tensor(0.0), persistent=False)
        self.encoder = Encoder(encoder)
        quarter, eighth, sixteenth, deepest = self.encoder.channels
        self.context = nn.Sequential(nn.Conv2d(deepest, 160, 1, bias=False), nn.BatchNorm2d(160), nn.ReLU6())
        self.scene = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(deepest, 64, 1), nn.ReLU6())
        self.overview = Overview(160 + 64)
        self.dropout = nn.Dropout2d(dropout)
        self.up16, self.refine16 = Upsample(160 + 64, sixteenth, 3, 128), Refine(128)
        self.spread = HintSpread(128 + eighth + 1)
        self.up8, self.refine8 = Upsample(128, eighth, 3 + self.spread.outputs, 96), Refine(96)
        self.up4 = Upsample(96, quarter, 3 + self.spread.outputs, 96)
        self.head = nn.Conv2d(96, len(bins), 1)
        self.evidence = nn.Conv2d(3 + self.spread.outputs, 3, 1, bias=False)
        self.prior = nn.Conv2d(3, len(bins), 1, bias=False)
        self._init_prior(sigma=10.0)

    def _init_prior(self, sigma: float) -> None:
        """Let evidence (a, b, 1) times its weight act on the logits as a Gaussian around (a, b).

        -|q - ab|^2 / (2 sigma^2) is, but for a term that all bins share, linear in (ab, 1): a 1x1 convolution.
        """
        spread = (sigma / AB_SCALE) ** 2
        scaled = self.bins / AB_SCALE
        with torch.no_grad():
            weight = torch.cat([scaled, -0.5 * scaled.square().sum(1, keepdim=True)], dim=1) / spread
            self.prior.weight.copy_(weight[:, :, None, None])
            # A hint counts fully where it lies; what spread from it counts a little until the network trusts it.
            self.evidence.weight.zero_()
            for i in range(self.spread.outputs + 3):
                self.evidence.weight[i % 3, i] = 1.0 if i < 3 else 0.1

    def forward(self, luminance: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args:
            luminance: (N, 1, H, W), CIE L*, 0 to 100; H and W are multiples of 32.
            hints: (N, 3, H, W): a*, b* and a mask of 0 or 1.

        Returns:
            Logits over the bins, (N, Q, H/4, W/4), and how far hints decided there, (N, 1, H/4, W/4), 0 to 1.
        """
        pyramid = hint_pyramid(hints)
        x4, x8, x16, x32 = self.encoder(luminance, pyramid.at(4))
        scene = self.scene(x32).expand(-1, -1, *x32.shape[-2:])
        x = self.dropout(self.overview(torch.cat([self.context(x32), scene], dim=1)))
        x = self.refine16(self.up16(torch.cat([_double(x), x16], dim=1), pyramid.at(16)))
        joined = torch.cat([_double(x), x8], dim=1)
        tone = F.avg_pool2d(luminance, 8) / 100.0
        spread = self.spread(torch.cat([joined, tone], dim=1), pyramid)
        x = self.refine8(self.up8(joined, torch.cat([pyramid.at(8), spread], dim=1)))
        hints4 = torch.cat([pyramid.at(4), _double(spread)], dim=1)
        x = self.up4(torch.cat([_double(x), x4], dim=1), hints4)
        trust = hints4[:, 2::3].amax(dim=1, keepdim=True)
        return self.head(x) + self.prior(self.evidence(hints4)), trust

    def decode(self, logits: Tensor) -> Tensor:
        """Annealed mean (Zhang et al. 2016, equation 5): logits (N, Q, h, w) to chroma float32 (N, 2, h, w)."""
        # Bins last: the softmax then runs over contiguous memory.
        chances = torch.softmax(logits.permute(0, 2, 3, 1).float() / self.temperature, dim=-1)
        return (chances @ self.bins).permute(0, 3, 1, 2)

    def colorize(self, luminance: Tensor, hints: Tensor) -> Tensor:
        """Chroma a*, b*, float32 (N, 2, H/4, W/4), for the inputs of ``forward``."""
        return self.settle(*self.forward(luminance, hints))

    def settle(self, logits: Tensor, trust: Tensor) -> Tensor:
        """Chroma a*, b*, float32 (N, 2, H/4, W/4), for what ``forward`` returns.

        A mean over what is possible is duller than any of it, and more alike all over the picture; ``vividness`` makes
        up for that, and ``cast`` takes that share of the picture's mean chroma away, but not where a hint says what
        the colour is.
        """
        ab, guessed = self.decode(logits), 1.0 - trust
        # Over what no hint decided: a hint must not tint the rest of the picture, nor its opposite do so.
        mean = (ab * guessed).mean((2, 3), keepdim=True) / guessed.mean((2, 3), keepdim=True).clamp(min=0.05)
        return ab + guessed * (self.vividness * (ab - self.cast * mean) - ab)
