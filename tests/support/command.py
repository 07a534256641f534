"""The command line as a process."""

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.service import ROOT

COMMAND = [sys.executable, "-m", "colorize_service.cli"]
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def names(folder: Path) -> list[str]:
    """All files in a folder and below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def colourfulness(path: Path) -> float:
    return float(np.abs(np.asarray(Image.open(path).convert("YCbCr"))[..., 1:].astype(int) - 128).mean())
