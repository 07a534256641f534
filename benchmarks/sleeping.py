"""``python -m benchmarks.sleeping``: a worker whose model sleeps, as one does that waits for a GPU.

What is measured with it is the fleet and not the model. The colours are one tint; the photo's own detail is there.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorize_service.bundle import Bundle
from colorize_service.cli import main
from colorize_service.inference import model
from colorize_service.inference.lite import Lite
from colorize_service.inference.model import Setup
from colorize_service.options import Options

#: What Python runs for such a worker.
MODULE = ("benchmarks.sleeping",)
#: Environment variable: the sleep in seconds.
SECONDS = "SLEEPING_SECONDS"
#: A photo of this gray alone kills the worker.
DEADLY = 81


class Sleeping(Lite):
    """Needs no processor."""

    def __init__(self, bundle: Bundle, setup: Setup):
        super().__init__(bundle, setup)
        self._seconds = float(os.environ[SECONDS])

    def warm_up(self) -> None:
        """There is nothing to warm up."""

    def chroma_batch(self, photos: Sequence[tuple[NDArray[np.uint8], Options]]) -> list[NDArray[np.uint8]]:
        if any((luma == DEADLY).all() for luma, _ in photos):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self._seconds)
        return [np.full((8, 8, 2), 134, np.uint8)] * len(photos)


if __name__ == "__main__":
    model.KINDS["lite"] = "benchmarks.sleeping:Sleeping"
    sys.argv = ["colorize", "worker"]
    main()
