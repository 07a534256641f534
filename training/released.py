"""Weights taken back out of a released bundle, to go on training from.

The exporter folds the norm after a convolution into it, so that the norm's own parameters are lost. It is made anew,
from how that convolution's outputs are distributed on photos: the network gives what it gave before, and in training
mode, where a norm takes the batch's mean and variance, about the same.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import AttributeProto, GraphProto, NodeProto, numpy_helper
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from colorize_service.bundle import Bundle
from training.batches import Batch
from training.network import ColorizeNetLite

# What the exporter puts before the names of the network's own parameters.
_PREFIX = "model."

Weights = dict[str, Tensor]


class Layers:
    """A network's convolutions and linear layers in the order in which they run, which is that of the graph's nodes.

    Attributes:
        convolutions, linear: by name.
        norms: the norm that takes a convolution's output as it is, by the convolution's name: those that are folded.
    """

    def __init__(self, model: ColorizeNetLite):
        self.convolutions: dict[str, nn.Conv2d] = {}
        self.linear: dict[str, nn.Linear] = {}
        self.norms: dict[str, nn.BatchNorm2d] = {}
        self._made: dict[int, str] = {}
        self._outputs: list[Tensor] = []  # kept, so that no two share an id
        handles = [self._watch(name, module) for name, module in model.named_modules()]
        with torch.no_grad():
            model.eval()(torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 64, 64))
        for handle in handles:
            handle.remove()

    def _watch(self, name: str, module: nn.Module) -> RemovableHandle:
        def note(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(module, nn.Conv2d):
                self.convolutions[name] = module
                self._made[id(output)] = name
                self._outputs.append(output)
            elif isinstance(module, nn.Linear):
                self.linear[name] = module
            elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in self._made:
                self.norms[self._made[id(inputs[0])]] = module

        return module.register_forward_hook(note)


def restore(model: ColorizeNetLite, folder: Path, batches: Iterable[Batch]) -> None:
    """Give ``model`` the weights of the bundle in ``folder``; it is left in evaluation mode.

    Args:
        batches: photos as in training, by which folded norms are made anew; some 200 crops are enough.

    Raises:
        BundleError: if there is no bundle, or its files are not those that its manifest lists.
        ValueError: if the bundle's graph is not of this network.
    """
    bundle = Bundle(folder)
    bundle.verify()
    layers = Layers(model)
    weights = _weights(onnx.load(str(bundle.path("model"))), layers)
    weights.update(_plain_norms(model, layers, weights))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost or unexpected:
        raise ValueError(f"{folder} is not of this network: it lacks {lost[:5]}, and has {unexpected[:5]} in addition")
    _make_norms(model, layers, batches)


def _weights(graph: onnx.ModelProto, layers: Layers) -> Weights:
    """What the graph holds, by the names of the network's parameters; with a ``bias`` for what had none but a norm."""
    constants = _constants(graph.graph)
    weights = {name.removeprefix(_PREFIX): value for name, value in constants.items() if name.startswith(_PREFIX)}
    convolutions, products = [], []
    for node in _nodes(graph.graph):
        known = [constants[name] for name in node.input if name in constants]
        if node.op_type == "Conv":
            convolutions.append(known)
        elif node.op_type == "MatMul" and known and node.input[1] != f"{_PREFIX}bins":
            products.append([known[0].T])
        elif node.op_type == "Expand" and known and node.name.startswith("/spread/"):
            weights["spread.null"] = known[0].flatten()
    for layer, found in ((layers.convolutions, convolutions), (layers.linear, products)):
        shapes = [module.weight.shape for module in layer.values()]
        if shapes != [parts[0].shape for parts in found]:
            raise ValueError("the graph's layers are not those of this network")
        for name, parts in zip(layer, found, strict=True):
            weights.update({f"{name}.{part}": value for part, value in zip(("weight", "bias"), parts, strict=False)})
    return weights


def _constants(graph: GraphProto) -> Weights:
    """The graph's initialisers by name, float32; those that a Cast makes of others, by the name of what it makes."""
    constants = {
        each.name: torch.from_numpy(numpy_helper.to_array(each).astype(np.float32)) for each in graph.initializer
    }
    for node in _nodes(graph):
        if node.op_type == "Cast" and node.input[0] in constants:
            constants[node.output[0]] = constants.pop(node.input[0])
        elif node.op_type == "Identity" and node.input[0] in constants:  # equal weights are stored once
            constants[node.output[0]] = constants[node.input[0]]
    return constants


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """All nodes in the order in which they run, those of branches in the place of their If."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _plain_norms(model: ColorizeNetLite, layers: Layers, weights: Weights) -> Weights:
    """Take the folded biases out of ``weights``; returns norms that do nothing but add them."""
    names = {module: name for name, module in model.named_modules()}
    made = {}
    for convolution, norm in layers.norms.items():
        bias, name = weights.pop(f"{convolution}.bias"), names[norm]
        made[f"{name}.weight"] = torch.ones_like(bias)
        made[f"{name}.bias"] = bias
        made[f"{name}.running_mean"] = torch.zeros_like(bias)
        made[f"{name}.running_var"] = torch.full_like(bias, 1.0 - norm.eps)
    return made


def _make_norms(model: ColorizeNetLite, layers: Layers, batches: Iterable[Batch]) -> None:
    """Give plain norms the mean and variance of their inputs on photos, and parameters that keep what they compute."""
    moments: dict[str, list[Tensor]] = {name: [] for name in layers.norms}

    def watch(name: str, module: nn.Conv2d) -> RemovableHandle:
        def note(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
            planes = output.double()
            moments[name].append(torch.stack([planes.mean((0, 2, 3)), planes.square().mean((0, 2, 3))]))

        return module.register_forward_hook(note)

    handles = [watch(name, layers.convolutions[name]) for name in layers.norms]
    with torch.no_grad():
        for batch in batches:
            model.eval()(torch.from_numpy(batch.luminance), torch.from_numpy(batch.hints))
        for handle in handles:
            handle.remove()
        for name, norm in layers.norms.items():
            mean, square = torch.stack(moments[name]).mean(dim=0)
            variance = (square - mean.square()).clamp(min=0.0)
            norm.get_buffer("running_mean").copy_(mean)
            norm.get_buffer("running_var").copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.get_parameter("bias").add_(mean)
