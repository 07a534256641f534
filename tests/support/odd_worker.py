"""``python -m tests.support.odd_worker``: a worker of a fleet, whose model does odd things to photos of one gray."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from colorize_service.cli import main
from colorize_service.inference import model
from colorize_service.inference.lite import Lite

#: A photo of this gray is in work until there is the file :func:`gate`,
SLOW = 40
#: and one of this gray kills the worker.
DEADLY = 80
#: Environment variable: a file that gets a line for each photo that the model sees.
SEEN = "ODD_WORKER_SEEN"


def gate(seen: Path) -> Path:
    """The file that lets such photos come to their end, beside that of :data:`SEEN`."""
    return seen.with_name("gate")


class OddLite(Lite):
    """ColorizeNet-Lite, but for those."""

    def chroma(self, luma, *arguments, **named):
        path = Path(os.environ[SEEN])
        with path.open("a") as seen:
            seen.write(f"{os.getpid()} {int(luma[0, 0])}\n")
        while (luma == SLOW).all() and not gate(path).exists():
            time.sleep(0.02)
        if (luma == DEADLY).all():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().chroma(luma, *arguments, **named)

    def warm_up(self):
        super().chroma(np.zeros((64, 64), np.uint8))


if __name__ == "__main__":
    model.KINDS["lite"] = "tests.support.odd_worker:OddLite"
    sys.argv = ["colorize", "worker"]
    main()
