"""What pictures cost: little memory, and no lines in the log, whoever sent them."""

import json
import subprocess
import sys

import pytest

from tests.support.pictures import PICTURES
from tests.support.pictures.files import SIZE, save
from tests.support.results import photo_of
from tests.support.service import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

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


@pytest.mark.slow
def test_memory_stays_where_it_was():
    files = [
        save(photo_of(name, (700, 500)).convert("RGB"), form)
        for name in ("coins", "page")
        for form in ("JPEG", "PNG", "WEBP", "TIFF")
    ]
    code = "for i in range(90):\n use(files[i % len(files)])\n if i in (29, 89): print(memory('VmRSS'))"
    (early, late), _ = child(code, files)
    assert late - early < 12
