"""What pictures cost: a program that opens and decodes them, each in a process of its own, and prints a line each::

python -m tests.support.bombs.measure [WORDS OF THE NAMES...]
"""

import ctypes
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np

from colorize_service.imaging import ImageError, open_photo
from colorize_service.imaging.metadata import Notes
from tests.support.bombs import all_bombs

MAX_PIXELS = 50_000_000
#: Seconds that are little enough to believe them at once.
ENOUGH = 0.03


def memory(what: str) -> float:
    """VmRSS is what is held now, VmHWM the most so far, in MB."""
    found = re.search(what + r":\s*(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def use(data: bytes, kept: bool = False) -> str | np.ndarray:
    """What the service does with a file, or the command line, which keeps metadata: the luminance, or the sentence."""
    try:
        photo = open_photo(data, max_pixels=MAX_PIXELS)
        if kept:
            photo.metadata(Notes("a test"))
        luma = photo.luma()
        photo.luma16()
        return luma
    except ImageError as error:
        return str(error)


def seconds(data: bytes, enough: float, kept: bool = False) -> float:
    """Of processor time: the least of a few times, or what is little enough."""
    best = float("inf")
    for _ in range(4):
        start = time.process_time()
        use(data, kept)
        best = min(best, time.process_time() - start)
        if best <= enough:
            break
    return best


def measured(name: str, data: bytes, plain: bytes, kept: bool) -> dict:
    """How much more a bomb costs than its plain picture, in MB and ms, and what came out."""
    expected = use(plain, kept)
    time_of_plain = seconds(plain, 0, kept)
    before = memory("VmHWM")
    start = time.process_time()
    result = use(data, kept)
    took = time.process_time() - start
    grown = memory("VmHWM") - before
    if took - time_of_plain > ENOUGH:  # perhaps since others are at work here
        took = min(took, seconds(data, time_of_plain + ENOUGH, kept))
    took -= time_of_plain
    same = isinstance(result, np.ndarray) and isinstance(expected, np.ndarray) and np.array_equal(result, expected)
    outcome = "same" if same else result if isinstance(result, str) else "another picture"
    return {
        "name": name,
        "MB": round(grown, 1),
        "ms": round(1000 * took, 1),
        "kB": len(data) // 1000,
        "outcome": outcome,
    }


def main(words: list[str]) -> None:
    from colorize_service.process import prepare_process

    prepare_process()
    kept = "--metadata" in words
    words = [word for word in words if not word.startswith("--")]
    for bomb in all_bombs():
        if not all(word in str(bomb) for word in words):
            continue
        data, plain = bomb.make(), bomb.plain()
        ctypes.CDLL(None).malloc_trim(0)  # what making them took must not be there to be used again
        child = os.fork()
        if child == 0:
            try:
                print(json.dumps(measured(str(bomb), data, plain, kept), ensure_ascii=False), flush=True)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"name": str(bomb), "outcome": f"died of {status}"}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
