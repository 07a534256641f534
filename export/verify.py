"""Comparing the graphs with the torch modules that they were made from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.errors import VerificationError
from export.graphs import AXES, PartSizes, Shape, example

SHAPES = (
    Shape(photos=1, guides=2, height=8, width=8),
    Shape(photos=2, guides=2, height=8, width=16),
    Shape(photos=3, guides=1, height=16, width=8),
)


@dataclass(frozen=True)
class Case:
    """Random inputs of a part, and the outputs of its torch module for them in float32."""

    shape: Shape
    inputs: dict[str, NDArray[Any]]
    outputs: list[NDArray[np.float32]]


@dataclass(frozen=True)
class Row:
    """A line of the table of errors: the largest difference of an output, as a fraction of its largest value."""

    file: str
    output: str
    shape: Shape
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance

    def __str__(self) -> str:
        shape = self.shape
        size = f"{shape.photos} × {shape.guides} × {8 * shape.width}×{8 * shape.height}"
        verdict = "" if self.passed else "  FAILED"
        return f"{self.file:<16} {self.output:<14} {size:<15} {self.error:10.1e} {self.tolerance:10.0e}{verdict}"


HEADER = f"{'file':<16} {'output':<14} {'n × g × pixels':<15} {'error':>10} {'tolerance':>10}"


def reference(name: str, module: nn.Module, sizes: PartSizes, dtype: torch.dtype) -> list[Case]:
    """Run the torch module in float32, whatever precision its weights and inputs are stored in.

    The module stays in float32.
    """
    module.float()
    cases = []
    for seed, shape in enumerate(SHAPES, start=1):
        inputs = example(name, shape, sizes, dtype, seed)
        with torch.inference_mode():
            outputs = module(
                **{key: value.float() if value.is_floating_point() else value for key, value in inputs.items()}
            )
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        cases.append(
            Case(shape, {key: value.numpy() for key, value in inputs.items()}, [output.numpy() for output in outputs])
        )
    return cases


def compare(path: Path, name: str, cases: list[Case], tolerance: float, report: Callable[[str], None]) -> None:
    """Run a graph on the CPU and compare its outputs with the reference.

    Args:
        path: the graph.
        name: of the part.
        cases: from :func:`reference`.
        tolerance: the largest error allowed, as a fraction of an output's largest value.
        report: is called with each line of the table.

    Raises:
        VerificationError: if an output differs by more; it names the output.
    """
    session = onnxruntime.InferenceSession(str(path), _options(), providers=["CPUExecutionProvider"])
    failed = None
    for case in cases:
        outputs = session.run(list(AXES[name][1]), case.inputs)
        for output, got, wanted in zip(AXES[name][1], outputs, case.outputs, strict=True):
            row = Row(path.stem, output, case.shape, _error(got, wanted), tolerance)
            report(str(row))
            failed = failed or (None if row.passed else row)
    if failed:
        raise VerificationError(
            f"{path.name} is not what it was made from: its output {failed.output} differs by "
            f"{failed.error:.1e} of its largest value, where {tolerance:.0e} is allowed."
        )


def _error(got: NDArray[Any], wanted: NDArray[np.float32]) -> float:
    if got.shape != wanted.shape:
        return float("inf")
    return float(np.abs(got.astype(np.float32) - wanted).max() / np.abs(wanted).max())


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    # Nothing that copies the weights: at full size they take most of the memory.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.disable_prepacking", "1")
    return options
