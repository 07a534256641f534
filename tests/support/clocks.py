"""Clocks that are wrong, for a process and all that it starts."""

import subprocess
from pathlib import Path

from tests.support import needs
from tests.support.service import ROOT


def ahead(folder: Path, seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is so many seconds ahead of this machine's.

    What measures lengths of time is as ever: on a real machine, too, it has nothing to do with the clock.

    Args:
        folder: takes the library that the process preloads.
    """
    library = folder / "clock.so"
    compiler = needs.program("cc", "gcc", package="gcc libc6-dev")
    source = ROOT / "tests" / "support" / "clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source], check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(seconds)}
