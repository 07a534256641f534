"""The command line: what becomes of a user's photos."""

import os

import numpy as np
import pytest
import requests
from PIL import Image

from colorize_service.cli.files import ResultExists, Writer
from tests.conftest import decode
from tests.support.command import colourfulness, names
from tests.support.results import without_metadata


def test_a_photo_gets_a_result_beside_it_that_is_the_photo_in_colour(colorize, photo, gray_jpeg):
    done = colorize("photo.jpg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo-color.jpg\n", "")
    assert names(photo.parent) == ["photo-color.jpg", "photo.jpg"]
    assert photo.read_bytes() == gray_jpeg
    result = photo.with_name("photo-color.jpg")
    luma = np.asarray(Image.open(result).convert("L"), int)
    assert np.abs(luma - decode(gray_jpeg)).mean() < 1.5 and colourfulness(result) > 2
    assert result.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_same_photo_and_options_give_what_the_service_gives_but_for_metadata(colorize, photo, serve, gray_jpeg):
    assert colorize("photo.jpg", "--hint", "0.5,0.25,#2050c0", "--saturation", "1.5", "--jobs", "1").returncode == 0
    url = serve().url
    form = {"hints": '[{"x": 0.5, "y": 0.25, "color": "#2050c0"}]', "saturation": "1.5"}
    answer = requests.post(f"{url}/colorize", files={"file": gray_jpeg}, data=form, timeout=60).json()
    served = requests.get(answer["download_url"], timeout=30).content
    assert without_metadata(photo.with_name("photo-color.jpg").read_bytes()) == served


def test_a_hint_and_the_saturation_change_the_result(colorize, photo):
    for name, options in {"plain": [], "blue": ["--hint", ".5,.5,#2040ff"], "gray": ["--saturation", "0"]}.items():
        assert colorize("photo.jpg", "-o", f"{name}.jpg", *options).returncode == 0
    plain, blue, gray = (photo.with_name(f"{name}.jpg") for name in ("plain", "blue", "gray"))
    cb = [np.asarray(Image.open(path).convert("YCbCr"), int)[150, 225, 1] for path in (plain, blue)]
    assert cb[1] > cb[0] + 10
    assert colourfulness(gray) < 0.5 < colourfulness(plain)


def test_a_folders_tree_is_kept_and_only_its_photos_are_taken(colorize, tmp_path, photo, gray_jpeg):
    tree = tmp_path / "scans"
    for name in ("a.jpg", "b.PNG", "sub/deep/c.jpg", "old-color.jpg", ".hidden.jpg", ".trash/x.jpg", "notes.txt"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(gray_jpeg)
    assert colorize("scans", "-o", "flat").returncode == 0
    assert names(tmp_path / "flat") == ["a-color.jpg", "b-color.jpg"]
    done = colorize("scans", "photo.jpg", "-o", "deep", "--recursive")
    assert done.returncode == 0 and "4 of 4 photos" in done.stderr
    assert names(tmp_path / "deep") == ["a-color.jpg", "b-color.jpg", "photo-color.jpg", "sub/deep/c-color.jpg"]
    assert sorted(done.stdout.splitlines()) == [f"deep/{name}" for name in names(tmp_path / "deep")]


def test_a_folder_without_photos_is_said(colorize, tmp_path):
    (tmp_path / "empty").mkdir()
    done = colorize("empty")
    assert done.returncode == 1 and done.stderr.startswith("empty: There are no photos in this folder; --recursive")


def test_a_file_that_is_there_is_kept_unless_forced(colorize, photo):
    result = photo.with_name("photo-color.jpg")
    result.write_text("mine")
    done = colorize("photo.jpg")
    assert (
        done.returncode == 1
        and "photo-color.jpg is there already; --force replaces it, --skip-existing leaves it." in done.stderr
    )
    assert result.read_text() == "mine"
    assert colorize("photo.jpg", "--force").returncode == 0
    assert decode(result.read_bytes()).shape == (300, 451, 3)
    assert names(photo.parent) == ["photo-color.jpg", "photo.jpg"]


def test_a_file_that_comes_while_the_photo_is_in_work_is_kept(tmp_path):
    writer, path = Writer(force=False), tmp_path / "result.jpg"
    writer.check(path)
    path.write_text("mine")
    with pytest.raises(ResultExists):
        writer.write(path, b"result")
    assert path.read_text() == "mine" and names(tmp_path) == ["result.jpg"]


def test_a_second_run_over_all_files_does_not_colour_its_own_results(colorize, photo):
    assert colorize("photo.jpg").returncode == 0
    done = colorize("photo-color.jpg", "photo.jpg", "./photo.jpg", "--force")
    assert (done.returncode, done.stdout) == (0, "photo-color.jpg\n")
    assert names(photo.parent) == ["photo-color.jpg", "photo.jpg"]
