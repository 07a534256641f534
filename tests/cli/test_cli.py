"""The command line, as a process: what becomes of a user's photos, and what he is told."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from colorize_service import EMBEDDED_BUNDLE
from colorize_service.bundle import Manifest
from colorize_service.cli import photos
from colorize_service.cli.files import ResultExists, Writer
from colorize_service.cli.tasks import Task
from tests.conftest import decode, encode
from tests.support.pictures.jpegs import jpeg_header
from tests.support.service import ROOT, wait_until

COMMAND = [sys.executable, "-m", "colorize_service.cli"]
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def colorize(tmp_path):
    """Run the command in the test's folder: ``colorize("photo.jpg")``."""

    def run(*arguments: str | bytes, **options) -> subprocess.CompletedProcess:
        options = {"text": True, "env": ENVIRONMENT} | options
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=tmp_path, capture_output=True, timeout=120, check=False, **options
        )
        assert "Traceback" not in str(done.stderr)
        return done

    return run


@pytest.fixture
def photo(tmp_path, gray_jpeg) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(gray_jpeg)
    return path


def names(folder: Path) -> list[str]:
    """All files in a folder and below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def colourfulness(path: Path) -> float:
    return float(np.abs(np.asarray(Image.open(path).convert("YCbCr"))[..., 1:].astype(int) - 128).mean())


# --- results ---------------------------------------------------------------------------------------------------------


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


def test_the_same_photo_and_options_give_what_the_service_gives(colorize, photo, serve, gray_jpeg):
    assert colorize("photo.jpg", "--hint", "0.5,0.25,#2050c0", "--saturation", "1.5", "--jobs", "1").returncode == 0
    url = serve().url
    form = {"hints": '[{"x": 0.5, "y": 0.25, "color": "#2050c0"}]', "saturation": "1.5"}
    answer = requests.post(f"{url}/colorize", files={"file": gray_jpeg}, data=form, timeout=60).json()
    served = requests.get(answer["download_url"], timeout=10).content
    assert photo.with_name("photo-color.jpg").read_bytes() == served


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


def test_standard_input_becomes_standard_output(colorize, photo, gray_jpeg):
    colorize("photo.jpg")
    done = colorize("-", input=gray_jpeg, text=False)
    assert done.returncode == 0 and done.stdout == photo.with_name("photo-color.jpg").read_bytes()
    done = colorize("-", input=b"no photo", text=False)
    assert (done.returncode, done.stdout) == (1, b"") and b"not an image" in done.stderr


def test_names_that_are_no_text_come_through_unchanged(colorize, tmp_path, gray_jpeg):
    (tmp_path / os.fsdecode(b"caf\xe9\x1b[2J.jpg")).write_bytes(gray_jpeg)
    done = colorize(b"caf\xe9\x1b[2J.jpg", b"caf\xe9\x1b.jpg", text=False)
    assert done.stdout == b"caf\xe9\x1b[2J-color.jpg\n"
    assert b"\x1b" not in done.stderr and b"caf??.jpg: It cannot be read: No such file" in done.stderr


# --- nothing is lost -------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_kept_unless_forced(colorize, photo):
    result = photo.with_name("photo-color.jpg")
    result.write_text("mine")
    done = colorize("photo.jpg")
    assert done.returncode == 1 and "photo-color.jpg is there already; --force replaces it." in done.stderr
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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["photo.jpg", "photo.png"], "photo.jpg and photo.png would both become photo-color.jpg"),
        ([".", "sub", "-o", "out"], "would both become out/photo-color.jpg"),
        (["photo.jpg", "-o", "photo.jpg", "--force"], "replaced by its own result"),
        (["photo.jpg", "sub", "-o", "one.jpg"], "one file"),
        (["sub", "-o", "one.jpg"], "one file"),
        (["photo.jpg", "-o", "one.png"], "results are JPEG files"),
        (["photo.jpg", "-o", "notes"], "results are JPEG files"),
        (["-", "photo.jpg"], "stands alone"),
        (["photo.jpg", "-o", "-", "--json"], "--json"),
        (["-", "-o", "sub"], "needs a file"),
        (["photo.jpg", "--hint", "0.5,0.5"], "'0.5,0.5' is no hint"),
        (["photo.jpg", "--hint", "2,0,#ffffff"], "no hint"),
        (["photo.jpg", "--saturation", "3"], "0<=x<=2"),
        (["photo.jpg", "--jobs", "0"], "x>=1"),
        (["photo.jpg", "--bundle", "sub"], "sub/manifest.json cannot be read"),
        (["photo.jpg", "--prompt", "a cat"], "ColorizeNet-Lite takes no prompt"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_said_before_any_work_begins(colorize, tmp_path, photo, gray_jpeg, arguments, says):
    (tmp_path / "sub").mkdir()
    for name in ("photo.png", "sub/photo.jpg", "notes"):
        (tmp_path / name).write_bytes(gray_jpeg)
    if "." in arguments:
        (tmp_path / "photo.png").unlink()
    before = names(tmp_path)
    done = colorize(*arguments)
    assert done.returncode == 2 and says in " ".join(done.stderr.split())
    assert names(tmp_path) == before


def _not_its_manifests(bundle: Path) -> None:
    (bundle / "lite.onnx").write_bytes(b"another model")


def _newer(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))


def _no_graph(bundle: Path) -> None:
    (bundle / "lite.onnx").write_bytes(b"no graph")
    manifest = Manifest.read(bundle)
    manifest.write(bundle, {"model": "lite.onnx"})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_not_its_manifests, "lite.onnx has 13 bytes"),
        (_newer, "is a bundle of format 2"),
        (_no_graph, "The model cannot be loaded"),
    ],
)
def test_a_bundle_that_cannot_be_used_is_wrong_usage_and_nothing_is_done(colorize, photo, tmp_path, damage, says):
    bundle = tmp_path / "bundle"
    shutil.copytree(EMBEDDED_BUNDLE, bundle)
    damage(bundle)
    before = names(tmp_path)
    done = colorize("photo.jpg", "--bundle", "bundle")
    assert (done.returncode, done.stdout) == (2, "") and says in " ".join(done.stderr.split())
    assert names(tmp_path) == before


# --- failures --------------------------------------------------------------------------------------------------------


def test_broken_photos_do_not_stop_the_others_and_are_named_at_the_end(colorize, tmp_path, gray_jpeg):
    for name, content in {"a.jpg": gray_jpeg, "b.jpg": gray_jpeg[:3000], "c.jpg": b"", "d.jpg": gray_jpeg}.items():
        (tmp_path / name).write_bytes(content)
    done = colorize("a.jpg", "b.jpg", "c.jpg", "d.jpg", "missing.jpg", "--jobs", "1")
    assert done.returncode == 1 and done.stdout == "a-color.jpg\nd-color.jpg\n"
    *sentences, last = done.stderr.splitlines()
    assert [line.split(":")[0] for line in sentences] == ["b.jpg", "c.jpg", "missing.jpg"]
    assert sentences[1] == "c.jpg: The file is empty."
    assert last == "2 of 5 photos colorized, 3 failed: b.jpg, c.jpg, missing.jpg"


def test_programs_get_a_json_object_for_each_photo(colorize, photo):
    done = colorize("photo.jpg", "missing.jpg", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert sorted(lines, key=lambda line: line["source"]) == [
        {"source": "missing.jpg", "result": None, "error": "It cannot be read: No such file or directory."},
        {"source": "photo.jpg", "result": "photo-color.jpg", "error": None},
    ]


def attempted(source: Path, seen: list[bytes]) -> str | None:
    """What the command says of one photo; what would be colorized goes to ``seen``."""
    task = Task(source, source.with_name("result.jpg"))
    return photos.attempt(lambda data: seen.append(data) or b"result", Writer(force=True), task).problem


def test_a_small_photo_is_read_where_memory_is_scarce(photo):
    seen = []
    tracemalloc.start()
    try:
        assert attempted(photo, seen) is None and seen == [photo.read_bytes()]
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def test_a_file_over_the_limit_in_bytes_is_refused_unread_and_one_at_the_limit_is_not(tmp_path, monkeypatch):
    assert photos.MAX_BYTES == 2**30
    monkeypatch.setattr(photos, "MAX_BYTES", 3_000_000)
    path, seen = tmp_path / "photo.jpg", []
    path.write_bytes(bytes(3_000_001))
    assert attempted(path, seen) == "The file is too large: at most 3,000,000 bytes are accepted."
    assert names(tmp_path) == ["photo.jpg"] and not seen
    path.write_bytes(bytes(3_000_000))
    assert attempted(path, seen) is None and seen == [bytes(3_000_000)]


def test_a_source_without_end_is_refused_once_it_is_over_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "MAX_BYTES", 3_000_000)
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    assert "too large" in attempted(tmp_path / "endless.jpg", [])


def test_a_photo_over_the_limit_in_pixels_is_refused_and_one_at_the_limit_is_not(colorize, tmp_path):
    for name, height in (("over", 10_001), ("at", 10_000)):
        (tmp_path / f"{name}.jpg").write_bytes(jpeg_header(25_000, height)[:-40])
    done = colorize("over.jpg", "at.jpg", "--jobs", "1")
    over, at = done.stderr.splitlines()[:2]
    assert done.returncode == 1
    assert over.startswith("over.jpg: ") and "250,025,000" in over and "250,000,000" in over
    assert at.startswith("at.jpg: The JPEG is cut off: ")


def test_a_full_disk_is_said_and_leaves_nothing(colorize, photo, small_disk):
    (small_disk / "filler").write_bytes(bytes(2**20 - 8192))
    done = colorize("photo.jpg", "-o", str(small_disk))
    assert done.returncode == 1
    assert done.stderr == f"photo.jpg: {small_disk}/photo-color.jpg cannot be written: No space left on device.\n"
    assert names(small_disk) == ["filler"]


def test_a_reader_who_has_seen_enough_ends_it_without_a_traceback(photo):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [*COMMAND, "photo.jpg"],
            cwd=photo.parent,
            env=ENVIRONMENT,
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


# --- interruption ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGTERM, signal.SIGINT]])
def test_an_interrupted_run_ends_with_whole_results_only_and_says_how_many(tmp_path, gray_photo, signals):
    (tmp_path / "0.jpg").write_bytes(encode(gray_photo.resize((4000, 3000)), "JPEG", quality=85))
    for i in range(1, 200):
        os.link(tmp_path / "0.jpg", tmp_path / f"{i}.jpg")
    process = subprocess.Popen(
        [*COMMAND, "."],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # so that nothing of the next line is read
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  the tests start no threads
    )  # background jobs ignore it
    process.stdout.readline()
    for each in signals:
        process.send_signal(each)
        time.sleep(0.001)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    said = 1 + len(rest.splitlines())
    assert errors.decode() == f"Interrupted: {said} of 200 photos colorized; nothing is half-written.\n"
    results = [name for name in os.listdir(tmp_path) if "-color" in name]
    assert said <= len(results) < 200 and len(os.listdir(tmp_path)) == 200 + len(results)
    for name in results:
        decode((tmp_path / name).read_bytes())


def test_a_run_whose_output_nobody_reads_can_be_ended(photo):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    with os.fdopen(reading), os.fdopen(writing, "wb") as full:
        process = subprocess.Popen(
            [*COMMAND, "photo.jpg"], cwd=photo.parent, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE
        )
        wait_until((photo.parent / "photo-color.jpg").exists, 30)
        process.terminate()
        errors = process.communicate(timeout=10)[1]
    assert process.returncode == 130 and b"1 of 1" in errors


# --- on a terminal ---------------------------------------------------------------------------------------------------


def test_on_a_terminal_there_is_a_progress_bar_and_the_failures_follow(tmp_path, gray_jpeg):
    for i in range(3):
        (tmp_path / f"{i}.jpg").write_bytes(gray_jpeg)
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "."],
        cwd=tmp_path,
        stdout=terminal,
        stderr=terminal,
        stdin=terminal,
        env=ENVIRONMENT | {"TERM": "xterm"},
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
    except OSError:  # Linux says so that nobody has the terminal open any more
        pass
    os.close(controller)
    assert process.wait(timeout=60) == 1
    bar, _, end = shown.decode().rpartition("Colorizing")
    assert "0/4" in bar and "4/4" in end
    assert "broken.jpg: The file is not an image." in end and "3 of 4 photos colorized, 1 failed: broken.jpg" in end


# --- the service -----------------------------------------------------------------------------------------------------


def test_serve_without_the_firebase_project_says_what_is_missing(colorize):
    done = colorize("serve")
    assert done.returncode == 1 and "FIREBASE_PROJECT_ID is missing" in done.stderr


def test_the_help_of_serve_lists_every_setting(colorize):
    from colorize_service.server.settings import Settings

    text = colorize("serve", "--help").stdout
    assert all(f"  {name.upper()} " in text for name in Settings.model_fields)
