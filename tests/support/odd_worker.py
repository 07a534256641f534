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

#: A photo of this gray takes some seconds,
SLOW, SECONDS = 40, 1.5
#: and one of this gray kills the worker.
DEADLY = 80
#: Environment variable: a file that gets a line for each photo that the model sees.
SEEN = "ODD_WORKER_SEEN"


class OddLite(Lite):
    """ColorizeNet-Lite, but for those."""

    def chroma(self, luma, *arguments, **named):
        with Path(os.environ[SEEN]).open("a") as seen:
            seen.write(f"{os.getpid()} {int(luma[0, 0])}\n")
        if (luma == SLOW).all():
            time.sleep(SECONDS)
        if (luma == DEADLY).all():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().chroma(luma, *arguments, **named)

    def warm_up(self):
        super().chroma(np.zeros((64, 64), np.uint8))


if __name__ == "__main__":
    model.KINDS["lite"] = "tests.support.odd_worker:OddLite"
    sys.argv = ["colorize", "worker"]
    main()
