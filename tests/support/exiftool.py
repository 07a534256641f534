"""Metadata as a program of others writes and reads them."""

import json
import subprocess
from pathlib import Path

from tests.support import needs


def write(path: Path, *arguments: str) -> Path:
    """Write tags into a file: ``write(path, "-Artist=A. B.")``."""
    _run("-overwrite_original", "-m", *arguments, path)
    return path


def read(path: Path, *tags: str) -> dict[str, object]:
    """The values of those of the tags that are there, by name, as they are stored."""
    (found,) = json.loads(_run("-j", "-n", *(f"-{tag}" for tag in tags), path))
    return {name: value for name, value in found.items() if name != "SourceFile"}


def _run(*arguments: object) -> str:
    exiftool = needs.program("exiftool", package="libimage-exiftool-perl")
    run = subprocess.run([exiftool, "-q", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout
