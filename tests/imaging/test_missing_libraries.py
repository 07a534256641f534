"""Where a library for a format is missing, its pictures get a sentence, and all others are read as before."""

import io
import json
import subprocess
import sys

import pytest
from PIL import Image

from tests.support.command import ENVIRONMENT
from tests.support.pictures.ends import FILES

# Another interpreter, in which the import fails as on a machine without the library.
_WITHOUT = """
import json, sys
for name in ("pi_heif", "PIL._avif", "PIL._webp"):
    sys.modules[name] = None
from PIL import Image
for name in dir(Image.core):
    if name.startswith(("jpeg2k_", "libtiff_")):
        delattr(Image.core, name)
from colorize_service.imaging import ImageError, open_photo
answers = {}
for name, digits in json.load(sys.stdin).items():
    try:
        answers[name] = list(open_photo(bytes.fromhex(digits), max_pixels=1_000_000).luma().shape)
    except ImageError as error:
        answers[name] = str(error)
print(json.dumps(answers))
"""


def lzw() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (40, 30), 99).save(buffer, "TIFF", compression="tiff_lzw")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def answers():
    files = {name: make() for name, make in FILES.items()} | {"TIFF in LZW": lzw()}
    run = subprocess.run(
        [sys.executable, "-c", _WITHOUT],
        input=json.dumps({name: data.hex() for name, data in files.items()}),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=True,
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "JPEG 2000", "WebP"])
def test_a_picture_whose_library_is_missing_gets_a_sentence_that_says_so(answers, kind):
    assert answers[kind] == f"{kind} pictures need a library that is not installed here. Send a JPEG."


def test_a_tiff_whose_compression_is_missing_gets_a_sentence_that_says_so(answers):
    assert answers["TIFF in LZW"] == "This kind of TIFF needs a library that is not installed here. Send a JPEG."


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_all_other_pictures_are_read(answers, kind):
    assert isinstance(answers[kind], list)
