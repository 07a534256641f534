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
from tests.support.bombs import all_bombs

MAX_PIXELS = 50_000_000


def memory(what: str) -> float:
    """VmRSS is what is held now, VmHWM the most so far, in MB."""
    found = re.search(what + r":\s*(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def use(data: bytes) -> str | np.ndarray:
    """What the service does with a file: the luminance, or the sentence."""
    try:
        photo = open_photo(data, max_pixels=MAX_PIXELS)
        luma = photo.luma()
        photo.luma16()
        return luma
    except ImageError as error:
        return str(error)


def seconds(data: bytes, enough: float) -> float:
    """Of processor time: the least of a few times, or what is little enough."""
    best = float("inf")
    for _ in range(4):
        start = time.process_time()
        use(data)
        best = min(best, time.process_time() - start)
        if best <= enough:
            break
    return best


def measured(name: str, data: bytes, plain: bytes) -> dict:
    """How much more a bomb costs than its plain picture, in MB and ms, and what came out."""
    expected = use(plain)
    time_of_plain = seconds(plain, 0)
    before = memory("VmHWM")
    result = use(data)
    grown = memory("VmHWM") - before
    took = seconds(data, time_of_plain + 0.03) - time_of_plain
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
