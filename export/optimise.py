"""The two variants of a traced graph: one for all execution providers, and one with ONNX Runtime's fusions for CUDA."""

import contextlib
import io
import logging
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_by_fusion

# A Protocol Buffers file holds 2 GiB at most; the weights of a larger graph are stored beside it.
_MOST_WITHIN = 2 * 1024**3 - 64 * 1024**2

# ONNX Runtime's optimiser for each part that gains from it. The other parts run only once for a photo or a prompt.
FUSED = {"denoiser": "unet", "decoder": "vae"}


def plain(model: ModelProto) -> ModelProto:
    """Make, in place, a graph that was traced in float16 compute in float32, with its weights still stored in float16.

    Few execution providers compute in float16; ONNX Runtime converts the weights once, when it loads them. A graph in
    float32 stays as it is.
    """
    graph = model.graph
    half = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    half |= {value.name for value in graph.input if value.type.tensor_type.elem_type == TensorProto.FLOAT16}
    outputs = {value.name for value in graph.output if value.type.tensor_type.elem_type == TensorProto.FLOAT16}
    for node in graph.node:
        _make_float32(node)
        for names, renamed in ((node.input, half), (node.output, outputs)):
            for index, name in enumerate(names):
                if name in renamed:
                    names[index] = f"{name}_float32"
        for index, name in enumerate(node.input):
            if name in outputs:
                node.input[index] = f"{name}_float32"
    before = [helper.make_node("Cast", [name], [f"{name}_float32"], to=TensorProto.FLOAT) for name in sorted(half)]
    after = [helper.make_node("Cast", [f"{name}_float32"], [name], to=TensorProto.FLOAT16) for name in sorted(outputs)]
    nodes = before + list(graph.node) + after
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return model


def _make_float32(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
        elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT16:
            attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype("float32")))


def for_cuda(model: ModelProto, kind: str) -> ModelProto:
    """Fuse operators for CUDA.

    Fused are group norm with its activation and the addition before it, layer norm with the addition before it, and the
    gate of the feed-forward layers; convolutions become NHWC. Attention is one operator already.

    Args:
        model: the traced graph, with its weights.
        kind: which of ONNX Runtime's optimisers, ``unet`` or ``vae``.
    """
    logging.getLogger("onnxruntime.transformers").setLevel(logging.ERROR)
    options = FusionOptions(kind)
    options.enable_attention = False
    # GroupNorm takes its scale and shift in float32, and the optimiser moves them as they are.
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16 and tuple(tensor.dims[1:]) == (1, 1):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), tensor.name))
    with contextlib.redirect_stderr(io.StringIO()):  # it shows a progress bar of its own
        fused: ModelProto = optimize_by_fusion(model, kind, optimization_options=options).model
    return fused


def save(model: ModelProto, folder: Path, name: str) -> dict[str, str]:
    """Write a graph, with its weights in a second file if they are too large for one.

    Returns:
        the files' paths within ``folder`` by their names in the manifest.
    """
    path = f"{name}.onnx"
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) < _MOST_WITHIN:
        onnx.save(model, folder / path)
        return {name: path}
    onnx.save(model, folder / path, save_as_external_data=True, location=f"{name}.data")
    return {name: path, f"{name}.data": f"{name}.data"}
