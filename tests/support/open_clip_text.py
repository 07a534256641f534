"""The text half of open_clip, without its other half.

The package imports torchvision, whose compiled part has to fit the build of torch, for pictures alone. Here its own
modules for text are imported, with an empty class in the place of the one layer of torchvision that they name.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path

from torch import nn


def load(module: str) -> types.ModuleType:
    """A module of open_clip, such as ``transformer`` or ``tokenizer``."""
    if "open_clip" not in sys.modules:
        package = types.ModuleType("open_clip")
        package.__path__ = [str(Path(importlib.util.find_spec("open_clip").origin).parent)]
        layers = types.ModuleType("torchvision.ops.misc")
        layers.FrozenBatchNorm2d = type("FrozenBatchNorm2d", (nn.Module,), {})
        sys.modules |= {"open_clip": package, "torchvision.ops.misc": layers}
    return importlib.import_module(f"open_clip.{module}")
