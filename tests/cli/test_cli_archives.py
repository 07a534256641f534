"""The command line: folders of archives, with pairs, other formats and results of earlier runs."""

import json

import pytest

from tests.conftest import encode
from tests.support.command import names

pytestmark = pytest.mark.slow


@pytest.fixture
def scan(gray_photo) -> dict[str, bytes]:
    """A small photo in several formats, by suffix."""
    small = gray_photo.resize((64, 48))
    return {"jpg": encode(small, "JPEG"), "tif": encode(small, "TIFF"), "png": encode(small, "PNG")}


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*-color.jpg")}


def test_a_run_is_resumed_and_what_is_there_is_left(colorize, tmp_path, scan):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_bytes(scan["jpg"])
    assert colorize("a.jpg", "b.jpg").returncode == 0
    before = times(tmp_path)
    done = colorize(".", "--skip-existing")
    assert (done.returncode, done.stdout) == (0, "c-color.jpg\n")
    assert done.stderr == "1 of 3 photos colorized, 2 skipped.\n"
    assert before.items() < times(tmp_path).items()
    told = json.loads(colorize("a.jpg", "--skip-existing", "--json").stdout)
    assert told == {"source": "a.jpg", "result": "a-color.jpg", "error": None, "skipped": True}


def test_what_is_no_result_is_not_taken_for_one(colorize, tmp_path, scan):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").write_bytes(scan["jpg"])
    (tmp_path / "a-color.jpg").touch()
    (tmp_path / "b-color.jpg").mkdir()
    done = colorize("a.jpg", "b.jpg", "--skip-existing")
    assert done.returncode == 1
    for name in ("a", "b"):
        assert f"{name}-color.jpg is there already, but it is empty or no file; --force replaces a file." in done.stderr


def test_photos_that_share_a_name_get_a_result_each_and_the_same_ones_in_each_run(colorize, tmp_path, scan):
    for name in ("x.tif", "x.jpg", "y.jpg"):
        (tmp_path / name).write_bytes(scan[name[2:]])
    done = colorize(".")
    assert sorted(done.stdout.split()) == ["x.jpg-color.jpg", "x.tif-color.jpg", "y-color.jpg"]
    assert done.returncode == 0 and "keep the whole names: x.jpg-color.jpg, x.tif-color.jpg\n" in done.stderr
    before = times(tmp_path)
    for photos in (["."], names(tmp_path)):
        done = colorize(*photos, "--skip-existing")
        assert done.returncode == 0 and "0 of 3 photos colorized, 3 skipped." in done.stderr
        assert times(tmp_path) == before


@pytest.mark.parametrize("photos", [["x.jpg"], ["x.jpg", "x.jpg-color.jpg", "x.tif-color.jpg"]])
def test_a_photo_whose_partner_is_not_in_the_run_any_more_is_not_coloured_again(colorize, tmp_path, scan, photos):
    for name in ("x.tif", "x.jpg"):
        (tmp_path / name).write_bytes(scan[name[2:]])
    assert colorize(".").returncode == 0
    before = names(tmp_path)
    done = colorize(*photos, "--skip-existing")  # several are what the shell makes of *.jpg
    assert (done.returncode, done.stderr) == (0, "0 of 1 photo colorized, 1 skipped.\n")
    assert names(tmp_path) == before


def test_the_result_of_one_photo_is_never_taken_for_that_of_another_that_came_later(colorize, tmp_path, scan):
    (tmp_path / "x.tif").write_bytes(scan["tif"])
    assert colorize(".").stdout == "x-color.jpg\n"
    (tmp_path / "x.jpg").write_bytes(scan["jpg"])
    done = colorize(".", "--skip-existing")
    assert sorted(done.stdout.split()) == ["x.jpg-color.jpg", "x.tif-color.jpg"]


def test_a_whole_name_that_is_another_photos_short_one_goes_to_one_of_them(colorize, tmp_path, scan):
    for name in ("x.tif", "x.jpg", "x.jpg.png"):
        (tmp_path / name).write_bytes(scan[name[-3:]])
    assert sorted(colorize(".").stdout.split()) == ["x.jpg-color.jpg", "x.jpg.png-color.jpg", "x.tif-color.jpg"]


def test_a_photo_does_not_take_the_result_of_another_in_the_run_for_its_own(colorize, tmp_path, scan):
    for name in ("x.jpg", "x.jpg.png"):
        (tmp_path / name).write_bytes(scan[name[-3:]])
    for said in ("2 of 2 photos colorized.", "0 of 2 photos colorized, 2 skipped."):
        assert said in colorize(".", "--skip-existing").stderr
    assert names(tmp_path) == ["x-color.jpg", "x.jpg", "x.jpg-color.jpg", "x.jpg.png"]


@pytest.fixture
def two(tmp_path, scan):
    """Two folders in which some photos have the same names."""
    for name in ("a/x.jpg", "a/sub/x.jpg", "a/only.jpg", "b/x.jpg", "b/x.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(scan[name[-3:]])
    return ["a", "b", "--recursive", "-o", "out"]


IN_FOLDERS = ["a/x-color.jpg", "b/x.jpg-color.jpg", "b/x.tif-color.jpg", "only-color.jpg", "sub/x-color.jpg"]


def test_two_folders_go_into_one_and_only_photos_that_share_a_name_keep_their_folders(colorize, tmp_path, two):
    done = colorize(*two)
    assert done.returncode == 0 and names(tmp_path / "out") == IN_FOLDERS
    said = "3 photos share their names with others; their results lie in folders named after their own: out/a/x-color"
    assert done.stderr.startswith(said)


def test_two_folders_are_done_once_however_they_are_named_in_the_next_run(colorize, tmp_path, two):
    colorize(*two)
    again = [
        two,
        ["b", *two[:1], *two[2:]],
        ["a", *two[2:]],
        ["b/x.jpg", *two[3:]],
        ["../" + tmp_path.name + "/a/", *two[2:]],
    ]
    for arguments in again:
        done = colorize(*arguments, "--skip-existing")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert names(tmp_path / "out") == IN_FOLDERS


def test_folders_of_the_same_name_are_told_apart_by_those_above_them(colorize, tmp_path, scan):
    for place in ("p/1944", "q/1944"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "x.jpg").write_bytes(scan["jpg"])
    assert colorize("p/1944", "q/1944/x.jpg", "-o", "out").returncode == 0
    assert names(tmp_path / "out") == ["p/1944/x-color.jpg", "q/1944/x-color.jpg"]


def test_a_photo_is_not_taken_for_done_when_a_folder_in_its_own_has_the_same_name(colorize, tmp_path, scan):
    (tmp_path / "a/a").mkdir(parents=True)
    (tmp_path / "a/a/x.jpg").write_bytes(scan["jpg"])
    colorize("a", "--recursive", "-o", "out")
    (tmp_path / "a/x.jpg").write_bytes(scan["jpg"])
    assert colorize("a", "-o", "out", "--skip-existing").stdout == "out/x-color.jpg\n"


def test_files_of_other_formats_are_counted_and_what_lies_beside_photos_is_not(colorize, tmp_path, scan):
    (tmp_path / "a.jpg").write_bytes(scan["jpg"])
    for name in ("1.CR2", "2.cr2", "3.psd", "scan", ".hidden.cr2", "a.xmp", "notes.txt", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).touch()
    done = colorize(".")
    assert (done.returncode, done.stdout) == (0, "a-color.jpg\n")
    assert done.stderr == "4 files of other formats were skipped: .cr2 (2), .psd (1), no ending (1)\n"


def test_results_of_the_page_and_of_any_format_are_not_coloured_again(colorize, tmp_path, scan):
    (tmp_path / "a.jpg").write_bytes(scan["jpg"])
    for spelt in ("color", "colour"):
        for suffix in ("jpg", "png", "tif", "tiff", "webp", "JPG"):
            (tmp_path / f"old-{spelt}.{suffix}").write_bytes(scan["jpg"])
    assert colorize(".", "-o", "out").stdout == "out/a-color.jpg\n"
