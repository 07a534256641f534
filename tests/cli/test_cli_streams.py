"""The command line: what it reads from and writes to the standard streams and the terminal."""

import contextlib
import json
import os
import pty
import subprocess
import time
from subprocess import PIPE

import pytest

from tests.conftest import decode, encode
from tests.support.command import COMMAND, ENVIRONMENT
from tests.support.service import wait_until

pytestmark = pytest.mark.slow


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


def test_programs_get_a_json_object_for_each_photo(colorize, photo):
    done = colorize("photo.jpg", "missing.jpg", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert sorted(lines, key=lambda line: line["source"]) == [
        {
            "source": "missing.jpg",
            "result": None,
            "error": "It cannot be read: No such file or directory.",
            "skipped": False,
        },
        {"source": "photo.jpg", "result": "photo-color.jpg", "error": None, "skipped": False},
    ]


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


# --- closed and full -------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(tmp_path, gray_photo):
    """Run a line of the shell in a folder with two small photos: ``shell("$C a.jpg >&-")``."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(encode(gray_photo.resize((64, 48)), "JPEG"))

    def run(line: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=ENVIRONMENT | {"C": " ".join(COMMAND)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr
        return done

    return run


@pytest.mark.parametrize(("to", "says"), [(">&-", "is closed"), ("> /dev/full", "cannot be written (No space left")])
def test_the_photos_are_done_where_their_names_cannot_be_printed(shell, tmp_path, to, says):
    done = shell(f"$C a.jpg b.jpg {to}")
    assert done.returncode == 1
    counted, lost = done.stderr.splitlines()
    assert counted == "2 of 2 photos colorized." and lost.startswith(f"Standard output {says}")
    for name in ("a", "b"):
        decode((tmp_path / f"{name}-color.jpg").read_bytes())


@pytest.mark.parametrize("to", ["2>&-", "2> /dev/full"])
def test_the_photos_are_done_where_nothing_can_be_said_of_them(shell, tmp_path, to):
    done = shell(f"$C a.jpg b.jpg {to}")
    assert (done.returncode, sorted(done.stdout.split())) == (0, ["a-color.jpg", "b-color.jpg"])
    done = shell(f"$C a.jpg b.jpg missing.jpg --force <&- >&- {to}")
    assert done.returncode == 1
    for name in ("a", "b"):
        decode((tmp_path / f"{name}-color.jpg").read_bytes())


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("$C - <&-", 1, "/dev/stdin: Standard input is closed."),
        ("$C - < a.jpg >&-", 2, "which is closed; name a file with -o."),
        ("$C - < a.jpg > /dev/full", 1, "/dev/stdout cannot be written: No space left on device."),
        ("$C --help > /dev/full", 1, "Standard output cannot be written (No space left"),
        ("$C --help >&-", 1, "Standard output is closed"),
    ],
)
def test_a_standard_stream_that_is_closed_or_full_is_said_in_a_sentence(shell, line, status, says):
    done = shell(line)
    assert done.returncode == status and says in done.stderr


def test_an_output_that_is_full_for_a_moment_is_waited_for(shell, tmp_path):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    with os.fdopen(reading, "rb") as reader:
        with os.fdopen(writing, "wb") as full:
            process = subprocess.Popen([*COMMAND, "a.jpg"], cwd=tmp_path, env=ENVIRONMENT, stdout=full)
        wait_until((tmp_path / "a-color.jpg").exists, 30)
        assert reader.read().endswith(b"\0a-color.jpg\n")
    assert process.wait(timeout=30) == 0


def test_an_input_that_comes_in_pieces_and_late_is_waited_for(shell, tmp_path):
    content = (tmp_path / "a.jpg").read_bytes()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "wb", buffering=0) as writer:
        with os.fdopen(reading) as source:
            process = subprocess.Popen(
                [*COMMAND, "-"], cwd=tmp_path, env=ENVIRONMENT, stdin=source, stdout=PIPE, stderr=PIPE
            )
        for piece in (content[:100], content[100:]):
            time.sleep(1)  # it has read what there was, or will: the outcome is the same
            writer.write(piece)
    result, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"") and decode(result).shape == (48, 64, 3)
