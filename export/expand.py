"""ONNX Runtime's operators for CUDA only, defined by standard operators, to verify a fused graph without CUDA.

Source of each definition: ONNX Runtime's ``docs/ContribOperators.md``. Sums are in float32, as in its kernels.
"""

from collections.abc import Callable

from onnx import ModelProto, NodeProto, helper, parser

_DOMAIN = "expanded"
_HEAD = f'<domain: "{_DOMAIN}", opset_import: ["": 18, "{_DOMAIN}": 1]>'

_NORM = """
    zero = Constant <value_ints = [0]> ()
    rest = Constant <value_ints = [-1]> ()
    number = Constant <value_int: int = @groups> ()
    count = Reshape (number, rest)
    grouped_shape = Concat <axis = 0> (zero, count, rest)
    planes = Transpose <perm = [0, 3, 1, 2]> (sum)
    planes_shape = Shape (planes)
    grouped = Reshape (planes, grouped_shape)
    axis = Constant <value_ints = [2]> ()
    mean = ReduceMean <keepdims = 1> (grouped, axis)
    centred = Sub (grouped, mean)
    square = Mul (centred, centred)
    variance = ReduceMean <keepdims = 1> (square, axis)
    epsilon = Constant <value_float: float = @epsilon> ()
    above = Add (variance, epsilon)
    deviation = Sqrt (above)
    normal = Div (centred, deviation)
    back = Reshape (normal, planes_shape)
    last = Transpose <perm = [0, 2, 3, 1]> (back)
    scaled = Mul (last, gamma)
    shifted = Add (scaled, beta)"""
_SWISH = """
    gate = Sigmoid (shifted)
    active = Mul (shifted, gate)
    y = CastLike (active, x)"""
_LINEAR = """
    y = CastLike (shifted, x)"""
_SKIP = """
    x_float = Cast <to = 1> (x)
    skip_float = Cast <to = 1> (skip)
    pair = Add (x_float, skip_float)"""
_BIAS = """
    bias_float = Cast <to = 1> (bias)
    sum = Add (pair, bias_float)"""
_STORED = """
    s = CastLike (sum, x)"""
_CONVOLUTION = """
    planes = Transpose <perm = [0, 3, 1, 2]> (x)
    kernel = Transpose <perm = [0, 3, 1, 2]> (w)
    convolved = Conv <dilations: ints = @dilations, group: int = @group, kernel_shape: ints = @kernel_shape,
                      pads: ints = @pads, strides: ints = @strides> (planes, kernel, bias)
    y = Transpose <perm = [0, 2, 3, 1]> (convolved)"""
_SPLIT_GELU = """
    biased = Add (x, bias)
    left, right = Split <axis = -1, num_outputs = 2> (biased)
    root = Constant <value_float = 1.4142135> ()
    root_like = CastLike (root, x)
    divided = Div (right, root_like)
    error = Erf (divided)
    one = Constant <value_float = 1.0> ()
    one_like = CastLike (one, x)
    probability = Add (error, one_like)
    half = Constant <value_float = 0.5> ()
    half_like = CastLike (half, x)
    doubled = Mul (right, probability)
    gelu = Mul (doubled, half_like)
    y = Mul (left, gelu)"""
_BIAS_ADD = """
    biased = Add (x, bias)
    y = Add (biased, skip)"""


def expand(model: ModelProto) -> ModelProto:
    """Replace, in place, each operator that ONNX Runtime has for CUDA only by a call of its definition."""
    definitions: dict[str, str] = {}
    for node in model.graph.node:
        if node.domain == "com.microsoft" and node.op_type in _DEFINE:
            signature, body = _DEFINE[node.op_type](node)
            node.op_type = f"{node.op_type}_{len(node.input)}_{len(node.output)}_{_attribute(node, 'activation')}"
            node.domain = _DOMAIN
            definitions[node.op_type] = f"{_HEAD}\n{node.op_type} {signature} {{{body}\n}}"
    model.functions.extend(parser.parse_function(text) for text in definitions.values())
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return model


def _group_norm(node: NodeProto) -> tuple[str, str]:
    return (
        "<epsilon, groups, activation, channels_last> (x, gamma, beta) => (y)",
        "\n    sum = Cast <to = 1> (x)" + _NORM + _activation(node),
    )


def _skip_group_norm(node: NodeProto) -> tuple[str, str]:
    biased, stored = len(node.input) == 5, len(node.output) == 2
    signature = (
        f"<epsilon, groups, activation, channels_last> (x, gamma, beta, skip{', bias' if biased else ''}) => "
        f"(y{', s' if stored else ''})"
    )
    total = _BIAS if biased else "\n    sum = Identity (pair)"
    return signature, _SKIP + total + _NORM + _activation(node) + (_STORED if stored else "")


def _activation(node: NodeProto) -> str:
    return _SWISH if _attribute(node, "activation") else _LINEAR


def _attribute(node: NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


# The signature and the body of each operator's definition, in ONNX's textual syntax.
_DEFINE: dict[str, Callable[[NodeProto], tuple[str, str]]] = {
    "GroupNorm": _group_norm,
    "SkipGroupNorm": _skip_group_norm,
    "NhwcConv": lambda node: ("<dilations, group, kernel_shape, pads, strides> (x, w, bias) => (y)", _CONVOLUTION),
    "BiasSplitGelu": lambda node: ("(x, bias) => (y)", _SPLIT_GELU),
    "BiasAdd": lambda node: ("(x, bias, skip) => (y)", _BIAS_ADD),
}
