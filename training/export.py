"""Write the bundle: ``python -m training.export --checkpoint FILE… --out DIR``.

The ONNX graph takes luminance and hints and gives chroma; normalisation, decoding and temperature are inside. Its
second output, the logits that chroma is decoded from, costs nothing, as they are made anyhow; which chroma each stands
for is in the file's metadata, ``bins``. Weights are stored as float16, and cast to float32 when the model is loaded.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from colorize_service.bundle import Manifest
from colorize_service.inference.lite import Processing
from training import checkpoints
from training.graph import halve_weights, skip_without_hints
from training.hint_spread import HintSpread
from training.losses import bin_rarity
from training.network import ColorizeNetLite

SHORTER_SIDE = 192
MULTIPLE = 32
MAX_PIXELS = 384 * 384
NAME = "lite.onnx"
OPSET = 18
SHAPES = ((1, 192, 192), (2, 192, 320), (1, 32, 64), (1, 256, 32), (1, 32, 32))
SOURCE = (
    "Trained by this project from {encoder} (ImageNet weights, Apache-2.0) on public research photo sets: "
    "Imagenette, Imagewoof and other parts of ImageNet, Intel Image Classification, Caltech-101, Clothing Co-Parsing, "
    "Houses, Flickr8k and Flickr-LDL subsets, flower recognition, clothing dataset, face-mask faces, MS COCO val2017, "
    "SYSU-Scenes, Unsplash, Bengali image captions, animals, IdenProf, MultiM-Poem, Conceptual Captions and SBU "
    "samples, AVA, Flickr styles, food photos, PACS, landscapes, portraits, street views."
)


class Graph(nn.Module):
    """What is exported."""

    def __init__(self, model: ColorizeNetLite):
        super().__init__()
        self.model = model

    def forward(self, luminance: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """For luminance and hints what ``ColorizeNetLite.colorize`` gives, and the logits of its ``forward``."""
        # Not by calling the model, which would put its name before those of all nodes.
        logits, trust = self.model.forward(luminance, hints)
        return self.model.settle(logits, trust), logits


def load_model(
    soup: checkpoints.Checkpoint,
    temperature: float | None = None,
    rebalance: float = 0.0,
    vividness: float = 1.0,
    cast: float = 0.0,
) -> ColorizeNetLite:
    """The model of ``checkpoints.soup``, ready to run.

    Args:
        temperature: of the annealed mean, instead of the trained one.
        rebalance: how much of the training weights of rare bins is taken back, 0 none and 1 all; they act on the
            chances like a factor, so the head's bias can undo them.
        vividness: factor on chroma that no hint decided.
        cast: share of the picture's mean chroma to take away.
    """
    model = checkpoints.network(soup)
    with torch.no_grad():
        if temperature:
            model.temperature.fill_(temperature)
        model.vividness.fill_(vividness)
        model.cast.fill_(cast)
        rarity = bin_rarity(soup["prior"].numpy())
        model.get_parameter("head.bias").sub_(rebalance * torch.from_numpy(np.log(rarity)).float())
    return model


def write_onnx(model: ColorizeNetLite, path: Path) -> None:
    """Export the model to ``path`` with dynamic batch, height and width."""
    luminance, hints = torch.rand(1, 1, 192, 256) * 100, torch.zeros(1, 3, 192, 256)
    axes, quarter_axes = {0: "n", 2: "height", 3: "width"}, {0: "n", 2: "height_4", 3: "width_4"}
    torch.onnx.export(
        Graph(model).eval(),
        (luminance, hints),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["luminance", "hints"],
        output_names=["ab", "logits"],
        dynamic_axes={"luminance": axes, "hints": axes, "ab": quarter_axes, "logits": quarter_axes},
    )
    graph = halve_weights(skip_without_hints(onnx.load(str(path)), HintSpread.outputs))
    onnx.helper.set_model_props(graph, {"bins": json.dumps(model.bins.int().tolist(), separators=(",", ":"))})
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def compare(model: ColorizeNetLite, path: Path) -> Iterator[tuple[tuple[int, int, int, str], float]]:
    """Yield (shape, greatest difference in ab) between ONNX and torch on random pictures with and without hints."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for n, height, width in SHAPES:
        luminance = rng.uniform(0, 100, (n, 1, height, width)).astype(np.float32)
        hints = np.zeros((n, 3, height, width), np.float32)
        for with_hints in (False, True):
            if with_hints:
                hints[:, :, height // 2 : height // 2 + 5, width // 3 : width // 3 + 5] = [[[[40]], [[-30]], [[1]]]]
            expected = model.colorize(torch.from_numpy(luminance), torch.from_numpy(hints)).numpy()
            (got,) = session.run(["ab"], {"luminance": luminance, "hints": hints})
            yield (n, height, width, "hints" if with_hints else "no hints"), float(np.abs(got - expected).max())


def processing(shorter_side: int) -> Processing:
    """The size at which the service lets the model see photos, with their shorter side at ``shorter_side`` pixels."""
    return Processing(shorter_side, MULTIPLE, MAX_PIXELS)


def manifest(version: str, shorter_side: int, encoder: str) -> Manifest:
    """The bundle's manifest, still without its files."""
    return Manifest(
        kind="lite",
        name="ColorizeNet-Lite",
        version=version,
        processing=msgspec.to_builtins(processing(shorter_side)),
        source=SOURCE.format(encoder=encoder.replace("efficientnet-lite", "EfficientNet-Lite")),
        licence="Apache-2.0",
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Write ONNX and manifest, and print how far ONNX is from torch."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, nargs="+", help="several of one run are averaged")
    parser.add_argument("--out", required=True, type=Path, help="the bundle's folder")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--shorter-side", type=int, default=SHORTER_SIDE, help="processing size in pixels")
    parser.add_argument("--temperature", type=float, help="of the annealed mean, instead of the trained one")
    parser.add_argument("--rebalance", type=float, default=0.0, help="share of the rare bins' weight to take back")
    parser.add_argument("--vividness", type=float, default=1.0, help="factor on chroma that no hint decided")
    parser.add_argument("--cast", type=float, default=0.0, help="share of the picture's mean chroma to take away")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / NAME
    soup = checkpoints.soup(args.checkpoint)
    model = load_model(soup, args.temperature, args.rebalance, args.vividness, args.cast)
    write_onnx(model, path)
    manifest(args.version, args.shorter_side, soup["encoder"]).write(args.out, {"model": NAME})
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    for case, error in compare(model, path):
        print(f"{case}: at most {error:.4f} from torch")


if __name__ == "__main__":
    main()
