"""From torch modules to ONNX graphs, with Optimum's exporter and a configuration of our own for each part."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from optimum.exporters.onnx import OnnxConfig, export
from torch import Tensor

OPSET = 18
# Names of the dynamic axes of each input or output.
Axes = dict[str, dict[int, str]]


class PartConfig(OnnxConfig):
    """Optimum's description of a part: example inputs, and the names of its dynamic axes."""

    DEFAULT_ONNX_OPSET = OPSET

    def __init__(self, inputs: Axes, outputs: Axes, example: dict[str, Tensor]):
        self._config = SimpleNamespace()
        self._inputs, self._outputs, self._example = inputs, outputs, example

    @property
    def inputs(self) -> Axes:
        return self._inputs

    @property
    def outputs(self) -> Axes:
        return self._outputs

    def generate_dummy_inputs(self, framework: str = "pt", **_: object) -> dict[str, Tensor]:
        return self._example


@dataclass(frozen=True)
class Shape:
    """n photos with g prompts each, and latents of h × w."""

    photos: int = 1
    guides: int = 2
    height: int = 8
    width: int = 16


#: The inputs and the outputs of each part.
AXES: dict[str, tuple[Axes, Axes]] = {
    "text_encoder": ({"tokens": {0: "m"}}, {"embedding": {0: "m"}, "context": {0: "m"}}),
    "hint_encoder": ({"hint": {0: "n", 2: "8h", 3: "8w"}}, {"hint_features": {0: "n", 2: "h", 3: "w"}}),
    "denoiser": (
        {
            "state": {1: "n", 3: "h", 4: "w"},
            "step": {},
            "hint_features": {0: "n", 2: "h", 3: "w"},
            "context": {0: "gn"},
        },
        {"next_state": {1: "n", 3: "h", 4: "w"}},
    ),
    "decoder": ({"latents": {0: "n", 2: "h", 3: "w"}}, {"image": {0: "n", 2: "8h", 3: "8w"}}),
}


@dataclass(frozen=True)
class PartSizes:
    """The model's sizes that determine the shapes of the parts' inputs."""

    channels: int
    latent_channels: int
    hint_channels: int
    context_length: int
    context_width: int
    vocabulary: int


def example(name: str, shape: Shape, sizes: PartSizes, dtype: torch.dtype, seed: int = 0) -> dict[str, Tensor]:
    """Random inputs of a part."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*dimensions: int) -> Tensor:
        return torch.randn(dimensions, generator=generator)

    n, h, w = shape.photos, shape.height, shape.width
    if name == "text_encoder":
        tokens = torch.randint(sizes.vocabulary, (n * shape.guides, sizes.context_length), generator=generator)
        return {"tokens": tokens}
    if name == "hint_encoder":
        return {"hint": torch.rand((n, sizes.hint_channels, 8 * h, 8 * w), generator=generator)}
    if name == "decoder":
        return {"latents": normal(n, sizes.latent_channels, h, w)}
    return {
        "state": normal(2, n, sizes.latent_channels, h, w),
        "step": torch.tensor([501.0, 7.5, 1.4, -0.9, 0.6, 0.5, -0.2]),
        "hint_features": normal(n, sizes.channels, h, w).to(dtype),
        "context": normal(shape.guides * n, sizes.context_length, sizes.context_width).to(dtype),
    }


def write_graph(name: str, module: torch.nn.Module, inputs: dict[str, Tensor], path: Path) -> None:
    """Trace a part on example inputs and write its ONNX graph."""
    export(module, PartConfig(*AXES[name], inputs), path, opset=OPSET, disable_dynamic_axes_fix=True)
