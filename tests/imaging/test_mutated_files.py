"""Files with random changes give a picture or a sentence, and take no memory with them.

``EXAMPLES`` is how many of each format are tried (a hundred by default)::

    EXAMPLES=10000 pytest tests/imaging/test_mutated_files.py
"""

import io
import os
import random
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from colorize_service.imaging import ImageError, open_photo
from colorize_service.process import prepare_process
from tests.support.pictures.ends import FILES

EXAMPLES = int(os.environ.get("EXAMPLES", "100"))
pytestmark = pytest.mark.filterwarnings("ignore")


def resident() -> float:
    """MB that this process holds."""
    return int(re.search(r"VmRSS:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out, put in or moved, most of them in the header."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(changed) if chance.random() < 0.4 else min(len(changed), 700))
        match chance.randrange(5):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\0\0\xff\xff", b"\x7f\xff\xff\xff"))
            case 2:
                del changed[at : at + chance.randrange(1, 30)]
            case 3:
                changed[at:at] = chance.randbytes(chance.randrange(1, 30))
            case 4:
                other = chance.randrange(len(changed))
                changed[at : at + 16] = changed[other : other + 16]
        changed = changed or bytearray(1)
    return bytes(changed[: chance.randrange(len(changed))] if chance.random() < 0.1 else changed)


def use(data: bytes) -> bool:
    """Whether it is read; anything but a picture or a sentence fails."""
    try:
        photo = open_photo(data, max_pixels=1_000_000)
        deep = photo.luma16()
        assert deep is None or deep.shape[::-1] == photo.size
        sizes = photo.luma().shape[::-1], Image.open(io.BytesIO(photo.jpeg(80))).size
    except ImageError as error:
        sentence = str(error)
    else:
        assert sizes == (photo.size, photo.size)
        return True
    assert sentence.endswith(".")
    return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", FILES)
def test_changed_files_give_a_picture_or_a_sentence_and_memory_stays(name):
    prepare_process()
    whole, chance = FILES[name](), random.Random(name)
    assert use(whole)
    for _ in range(30):
        use(mutated(whole, chance))
    before = resident()
    refused = [not use(mutated(whole, chance)) for _ in range(EXAMPLES)]
    assert resident() - before < 40
    assert any(refused), "nothing was tried"
