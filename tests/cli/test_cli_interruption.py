"""The command line: a run that is interrupted leaves whole results only."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from colorize_service.cli.files import Writer, remove_dead_parts
from tests.conftest import decode, encode
from tests.support.command import COMMAND, ENVIRONMENT, names


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


PHOTOS = 60


def side(i: int) -> int:
    """Of a photo of the archive, in pixels."""
    return 32 + 3 * i


@pytest.fixture
def archive(tmp_path, gray_photo) -> Path:
    """A folder of small photos in several formats."""
    folder = tmp_path / "archive"
    folder.mkdir()
    formats = [("jpg", "JPEG"), ("png", "PNG"), ("tif", "TIFF"), ("webp", "WEBP"), ("bmp", "BMP")]
    for i in range(PHOTOS):
        suffix, kind = formats[i % len(formats)]
        (folder / f"{i:03}.{suffix}").write_bytes(encode(gray_photo.resize((side(i), side(i))), kind))
    return folder


def states(folder: Path) -> dict[str, tuple[int, int]]:
    """The results in a folder; a result that is written anew has another state."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*-color.jpg")}


def resumed(archive: Path, results: Path) -> None:
    """Go on with an interrupted run, and see that each photo has one whole result and none was done twice."""
    before = states(results)
    assert 0 < len(before) < PHOTOS
    command = [*COMMAND, str(archive), "-o", str(results), "--skip-existing"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"{PHOTOS - len(before)} of {PHOTOS} photos colorized, {len(before)} skipped.\n"
    after = states(results)
    assert before.items() <= after.items()
    assert sorted(os.listdir(results)) == [f"{i:03}-color.jpg" for i in range(PHOTOS)]
    for i in range(PHOTOS):
        assert decode((results / f"{i:03}-color.jpg").read_bytes()).shape == (side(i), side(i), 3)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_over_an_archive_that_was_interrupted_is_resumed(archive, tmp_path, how):
    results = tmp_path / "results"
    process = subprocess.Popen(
        [*COMMAND, str(archive), "-o", str(results)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  the tests start no threads
    )
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGKILL:  # what it leaves if it is killed while it writes
        (results / f".colorize-{'0' * 32}.part").write_bytes(b"half")
    resumed(archive, results)


@pytest.mark.slow
def test_a_run_over_an_archive_that_filled_the_disk_is_resumed(archive, small_disk):
    subprocess.run(["mount", "-o", "remount,size=100k", small_disk], check=True)
    command = [*COMMAND, str(archive), "-o", str(small_disk)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "No space left on device" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    resumed(archive, small_disk)


def test_what_another_run_is_writing_is_not_taken_for_dead(tmp_path, monkeypatch):
    def meanwhile(then):
        def call(*arguments):
            remove_dead_parts([tmp_path])
            assert list(tmp_path.glob(".colorize-*.part"))
            return then(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", meanwhile(os.fsync))
    monkeypatch.setattr(os, "link", meanwhile(os.link))
    Writer(force=False).write(tmp_path / "result.jpg", b"whole")
    assert names(tmp_path) == ["result.jpg"]


@pytest.mark.slow
def test_two_runs_in_one_folder_at_a_time_do_not_harm_each_other(archive, tmp_path):
    results = tmp_path / "results"
    command = [*COMMAND, str(archive), "-o", str(results), "--skip-existing"]
    both = [subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert names(results) == [f"{i:03}-color.jpg" for i in range(PHOTOS)]
