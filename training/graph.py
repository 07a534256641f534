"""What is done to the exported ONNX graph: smaller weights, and no work for hints where there are none."""

from collections.abc import Iterable

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

# The exporter names a module's nodes after it.
_SPREAD = "/spread/"


def halve_weights(model: ModelProto, smallest: int = 1024) -> ModelProto:
    """Store the float32 weights of an ONNX model as float16, each behind a Cast that the runtime folds on loading.

    Tensors of fewer than ``smallest`` values stay as they are: they cost nothing, and norms and constants need
    precision.
    """
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < smallest or np.abs(values).max() > 6e4:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + "_f16"))
        casts.append(helper.make_node("Cast", [name + "_f16"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    return model


def skip_without_hints(model: ModelProto, planes: int) -> ModelProto:
    """Put the spreading of hints behind an If of the ONNX ``model``: without hints its ``planes`` are zero."""
    nodes = model.graph.node
    outside, inside = _split(nodes)
    spread = inside[-1].output[0]
    (features,) = {name for node in inside if node.op_type == "Cast" for name in node.input if _SPREAD not in name}
    branches = {"then_branch": (inside, spread), "else_branch": (_zeros(features, planes, "none"), "none")}
    graphs = {
        branch: helper.make_graph(made, branch, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])
        for branch, (made, name) in branches.items()
    }
    either = f"{spread}_or_none"
    question = [
        # A hint's mask is 1; a*, b* and mask are zero elsewhere.
        helper.make_node("ReduceMax", ["hints"], ["greatest_hint"], keepdims=0),
        helper.make_node("Constant", [], ["no_hint"], value_float=0.0),
        helper.make_node("Greater", ["greatest_hint", "no_hint"], ["any_hint"]),
        helper.make_node("If", ["any_hint"], [either], **graphs),
    ]
    for node in outside:
        node.input[:] = [either if name == spread else name for name in node.input]
    first_use = next(i for i, node in enumerate(outside) if either in node.input)
    del nodes[:]
    nodes.extend([*outside[:first_use], *question, *outside[first_use:]])
    return model


def _split(nodes: Iterable[NodeProto]) -> tuple[list[NodeProto], list[NodeProto]]:
    """The nodes that stay where they are, and those that only spread hints; both in order."""
    nodes = list(nodes)
    outside = [node for node in nodes if not node.name.startswith(_SPREAD)]
    spreading = [node for node in nodes if node.name.startswith(_SPREAD)]
    if not spreading:
        raise ValueError(f"the exporter has named no node {_SPREAD}…")
    inside: list[NodeProto] = []
    wanted = {name for node in outside for name in node.input} - set(spreading[-1].output)
    for node in reversed(spreading):
        # What the exporter shares with other parts stays, with all that it needs.
        if wanted.intersection(node.output):
            wanted.update(node.input)
        else:
            inside.insert(0, node)
    inner = {node.name for node in inside}
    return [node for node in nodes if node.name not in inner], inside


def _zeros(like: str, planes: int, name: str) -> list[NodeProto]:
    """Nodes that make ``planes`` of zeros of the batch and size of the tensor ``like``."""
    return [
        helper.make_node("Shape", [like], [f"{name}_n"], start=0, end=1),
        helper.make_node("Constant", [], [f"{name}_planes"], value_ints=[planes]),
        helper.make_node("Shape", [like], [f"{name}_size"], start=2),
        helper.make_node("Concat", [f"{name}_n", f"{name}_planes", f"{name}_size"], [f"{name}_shape"], axis=0),
        helper.make_node("ConstantOfShape", [f"{name}_shape"], [name]),
    ]
