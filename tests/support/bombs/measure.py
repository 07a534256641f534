"""What pictures cost: a program that opens and decodes them, each in a process of its own, and prints a line each::

python -m tests.support.bombs.measure [WORDS OF THE NAMES...]
"""

import contextlib
import ctypes
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from colorize_service.imaging import ImageError, open_photo
from colorize_service.imaging.metadata import Notes
from colorize_service.process import prepare_process
from tests.support.bombs import all_bombs

MAX_PIXELS = 50_000_000
#: Seconds that are little enough to believe them at once.
ENOUGH = 0.03
NOTES = Notes("a test")

Use = Callable[[bytes], object]


def memory(what: str) -> float:
    """VmRSS is what is held now, VmHWM the most so far, in MB."""
    found = re.search(what + r":\s*(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def pixels(data: bytes) -> str | np.ndarray:
    """What the service does with a file: the luminance, or the sentence."""
    try:
        photo = open_photo(data, max_pixels=MAX_PIXELS)
        luma = photo.luma()
        photo.luma16()
        return luma
    except ImageError as error:
        return str(error)


def metadata(data: bytes) -> None:
    """What the command line does beside that."""
    with contextlib.suppress(ImageError):
        open_photo(data, max_pixels=MAX_PIXELS).metadata(NOTES)


def timed(use: Use, data: bytes) -> tuple[object, float]:
    """What came out, and the seconds of processor time that it took."""
    start = time.process_time()
    found = use(data)
    return found, time.process_time() - start


def more(use: Use, data: bytes, plain: bytes) -> tuple[object, object, tuple[float, float]]:
    """What came out of a bomb and of the plain picture, and how much more than that it takes: MB and ms."""
    expected = use(plain)
    _, base = timed(use, plain)
    before = memory("VmHWM")
    result, took = timed(use, data)
    grown = memory("VmHWM") - before
    for _ in range(3):  # perhaps it was since others are at work here
        if took - base > ENOUGH:
            took = min(took, timed(use, data)[1])
    return result, expected, (round(grown, 1), round(1000 * (took - base), 1))


def measured(name: str, data: bytes, plain: bytes) -> dict:
    """What a bomb costs more than its plain picture, and what came out."""
    result, expected, of_pixels = more(pixels, data, plain)
    costs = {"pixels": of_pixels, "metadata": more(metadata, data, plain)[2]}
    same = not isinstance(result, str) and np.array_equal(result, expected)
    outcome = "same" if same else result if isinstance(result, str) else "another picture"
    return {"name": name, "kB": len(data) // 1000, "outcome": outcome} | costs


def main(words: list[str]) -> None:
    prepare_process()
    for bomb in all_bombs():
        if not all(word in str(bomb) for word in words):
            continue
        data, plain = bomb.make(), bomb.plain()
        ctypes.CDLL(None).malloc_trim(0)  # what making them took must not be there to be used again
        child = os.fork()
        if child == 0:
            try:
                print(json.dumps(measured(str(bomb), data, plain), ensure_ascii=False), flush=True)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"name": str(bomb), "outcome": f"died of {status}"}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
