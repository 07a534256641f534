"""The command line: the format of the results, and what they keep of their photo's metadata."""

import io
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import requests
import tifffile
from PIL import Image

from colorize_service import __version__
from tests.support import exiftool
from tests.support.command import ENVIRONMENT, names
from tests.support.results import BASELINE, photo_of, segments, without_metadata

pytestmark = pytest.mark.slow  # many files, and other programs that read them

KEPT = {"DateTimeOriginal": "1944:06:06 06:30:00", "ImageDescription": "Großmutter", "Copyright": "© Zoë"}
PLACE = ("GPSLatitude", "GPSLatitudeRef")


@pytest.fixture
def dated(photo):
    """A photo with a date, a caption, a copyright, a resolution and a place."""
    tags = [f"-EXIF:{name}={value}" for name, value in KEPT.items()]
    return exiftool.write(
        photo, *tags, "-XResolution=600", "-YResolution=600", "-GPSLatitude=52.5", "-GPSLatitudeRef=N"
    )


@pytest.mark.parametrize(
    ("arguments", "result", "kind"),
    [
        (["--format", "png"], "photo-color.png", "PNG"),
        (["--format", "tiff"], "photo-color.tif", "TIFF"),
        (["--format", "webp", "-o", "out"], "out/photo-color.webp", "WEBP"),
        (["-o", "new.TIFF"], "new.TIFF", "TIFF"),
        (["-o", "new.png", "--format", "png"], "new.png", "PNG"),
        (["--layer"], "photo-color-layer.png", "PNG"),
        (["--layer", "-o", "layer.png"], "layer.png", "PNG"),
    ],
)
def test_results_have_the_format_and_the_names_that_are_asked_for(colorize, photo, arguments, result, kind):
    done = colorize("photo.jpg", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{result}\n", "")
    with Image.open(photo.parent / result) as image:
        assert (image.format, image.size) == (kind, (451, 300))
        assert image.mode == ("RGBA" if "--layer" in arguments else "RGB")


def test_a_second_run_in_another_format_does_not_colour_the_first_ones_results(colorize, photo):
    for arguments in (["--format", "png"], ["--layer", "--skip-existing"], ["--format", "tiff"]):
        assert colorize(".", *arguments).returncode == 0
    assert names(photo.parent) == ["photo-color-layer.png", "photo-color.png", "photo-color.tif", "photo.jpg"]


def test_standard_output_gets_the_format_that_is_asked_for(colorize, gray_jpeg):
    done = colorize("-", "--format", "png", input=gray_jpeg, text=False)
    assert done.returncode == 0 and imagecodecs.png_decode(done.stdout).shape == (300, 451, 3)


def test_the_quality_holds_for_jpeg_and_webp(colorize, photo):
    for kind in ("jpg", "webp"):
        for quality in ("40", "95"):
            assert colorize("photo.jpg", "-o", f"{quality}.{kind}", "--quality", quality).returncode == 0
        small, large = (photo.with_name(f"{quality}.{kind}").stat().st_size for quality in ("40", "95"))
        assert small < large / 2


@pytest.mark.parametrize("kind", ["tif", "png"])
def test_a_scan_of_16_bits_keeps_them_all(colorize, tmp_path, kind):
    gray = np.asarray(photo_of("chelsea")).astype(int) * 257
    gray = (gray + np.random.default_rng(2).integers(-120, 120, gray.shape)).clip(0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "scan.tif", gray)
    assert colorize("scan.tif", "-o", f"new.{kind}").returncode == 0
    content = (tmp_path / f"new.{kind}").read_bytes()
    result = imagecodecs.png_decode(content) if kind == "png" else tifffile.imread(io.BytesIO(content))
    assert result.dtype == np.uint16 and result.std(axis=2).mean() > 500, "it is gray"
    assert np.abs(result.astype(float) @ [0.299, 0.587, 0.114] - gray).max() <= 1


def test_results_keep_the_photos_metadata_and_say_what_made_them(colorize, dated):
    assert colorize("photo.jpg").returncode == 0
    tags = exiftool.read(dated.with_name("photo-color.jpg"), *KEPT, *PLACE, "XResolution", "Software", "Warning")
    made_by = f"ColorizeNet-Lite 1.4.0 (Colorize {__version__})"
    assert tags == KEPT | {"GPSLatitude": 52.5, "GPSLatitudeRef": "N", "XResolution": 600, "Software": made_by}


def test_the_place_can_be_left_out(colorize, dated):
    assert colorize("photo.jpg", "--strip-gps").returncode == 0
    assert exiftool.read(dated.with_name("photo-color.jpg"), *KEPT, *PLACE, "GPS:all") == KEPT


def test_all_metadata_can_be_left_out_but_what_made_the_result(colorize, dated):
    assert colorize("photo.jpg", "--strip-metadata").returncode == 0
    result = dated.with_name("photo-color.jpg")
    tags = exiftool.read(result, *KEPT, *PLACE, "IFD0:XResolution", "DigitalSourceType", "Software")
    assert list(tags) == ["DigitalSourceType", "Software"]


def test_the_services_results_have_nothing_of_the_photos_metadata(colorize, dated, serve):
    assert colorize("photo.jpg").returncode == 0
    url = serve().url
    answer = requests.post(f"{url}/colorize", files={"file": dated.read_bytes()}, timeout=60).json()
    served = requests.get(answer["download_url"], timeout=30).content
    assert segments(served) == BASELINE and served[13:18] == b"\0\0\1\0\1", "there is more than the picture"
    ours = without_metadata(dated.with_name("photo-color.jpg").read_bytes())
    assert ours[:13] + served[13:18] + ours[18:] == served


_WITHOUT_WEBP = """
import runpy, sys
sys.modules["PIL._webp"] = None  # as on a machine whose Pillow was built without it
runpy.run_module("colorize_service.cli", run_name="__main__")
"""


@pytest.mark.parametrize("asked", [["--format", "webp"], ["-o", "result.webp"]])
def test_a_format_whose_library_is_missing_is_refused_before_any_work(tmp_path, gray_jpeg, asked):
    (tmp_path / "a.jpg").write_bytes(gray_jpeg)
    command = [sys.executable, "-c", _WITHOUT_WEBP, "a.jpg", *asked]
    run = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert run.returncode == 2 and names(tmp_path) == ["a.jpg"]
    assert "WebP needs a library that is not installed here" in run.stderr and "Traceback" not in run.stderr
