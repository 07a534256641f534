"""What pictures cost: little memory, and no lines in the log, whoever sent them."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from tests.support.bombs import Bomb, all_bombs
from tests.support.pictures import PICTURES
from tests.support.pictures.files import SIZE, save
from tests.support.results import photo_of
from tests.support.service import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

CHILD = """
import json, logging, re, sys
from pathlib import Path
import numpy as np
import pi_heif  # else loaded with the first HEIC
logging.basicConfig(level=logging.DEBUG)
from colorize_service.imaging import ImageError, add_chroma, open_photo
from colorize_service.process import prepare_process
prepare_process()

def memory(what):  # VmRSS is what is held now, VmHWM the most so far, in MB
    return int(re.search(what + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def use(data, max_pixels=4_000_000):
    try:
        photo = open_photo(data, max_pixels=max_pixels)
        photo.jpeg(90)
        add_chroma(photo.luma(), np.full((192, 256, 2), 150, np.uint8), 90)
    except ImageError:
        pass

print("ready", file=sys.stderr, flush=True)
sizes = json.loads(sys.argv[1])
files = [sys.stdin.buffer.read(size) for size in sizes]
"""


def child(code: str, files: list[bytes]) -> tuple[list[float], str]:
    """Run `code` on `files` in a process of its own; the numbers that it prints, and what is on its stderr."""
    command = [sys.executable, "-W", "always", "-c", CHILD + code, json.dumps([len(data) for data in files])]
    done = subprocess.run(command, input=b"".join(files), capture_output=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    return [float(number) for number in done.stdout.split()], done.stderr.decode().partition("ready\n")[2]


def test_hostile_files_cost_no_memory_and_fill_no_log():
    files = [picture.make() for picture in PICTURES if picture.error or picture.size == SIZE]
    code = "use(files[0]); before = memory('VmHWM')\nfor data in files: use(data)\nprint(memory('VmHWM') - before)"
    (grown,), said = child(code, files)
    assert said == "" and grown < 15


def test_twelve_megapixels_take_little_memory():
    files = [save(photo_of("coins", size).convert("RGB"), "JPEG", quality=85) for size in ((640, 480), (4000, 3000))]
    code = "use(files[0]); before = memory('VmHWM'); use(files[1], 12_000_000); print(memory('VmHWM') - before)"
    (grown,), _ = child(code, files)
    assert grown < 120


def test_a_tiff_in_one_piece_takes_little_more_memory_than_its_own_samples():
    one = np.zeros((3000, 4000))
    files = [one_strip(one[::10, ::10]), one_strip(one)]
    code = "use(files[0]); before = memory('VmHWM'); use(files[1], 12_000_000); print(memory('VmHWM') - before)"
    (grown,), _ = child(code, files)
    assert grown < 2.6 * one.nbytes / 2**20


def one_strip(samples: np.ndarray) -> bytes:
    """A TIFF of one strip, deflated."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, compression="deflate", rowsperstrip=len(samples))
    return buffer.getvalue()


def test_memory_stays_where_it_was():
    files = [
        save(photo_of(name, (700, 500)).convert("RGB"), form)
        for name in ("coins", "page")
        for form in ("JPEG", "PNG", "WEBP", "TIFF")
    ]
    code = "for i in range(90):\n use(files[i % len(files)])\n if i in (29, 89): print(memory('VmRSS'))"
    (early, late), _ = child(code, files)
    assert late - early < 12


#: MB and ms that a file may take more than the same picture without what is in it beside pixels: in the service, and
#: in the command line, which reads of that what results keep.
MOST = {"pixels": (20, 50), "metadata": (40, 300)}


@pytest.fixture(scope="module")
def costs() -> dict[str, dict]:
    """What bombs cost, by name."""
    command = [sys.executable, "-m", "tests.support.bombs.measure"]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False, cwd=ROOT, text=True)
    assert done.returncode == 0, done.stderr
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("bomb", all_bombs(), ids=str)
def test_what_is_not_pixels_costs_no_more_than_pixels(bomb: Bomb, costs):
    """Texts, profiles, EXIF, thumbnails, frames, tiles, palettes, comments, thousands of anything."""
    found = costs[str(bomb)]
    for what, most in MOST.items():
        megabytes, milliseconds = found[what]
        assert megabytes < most[0] and milliseconds < most[1], found
    assert found["outcome"] == "same" or (bomb.refused and found["outcome"].endswith(".")), found
