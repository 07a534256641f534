"""The command line: a run that is interrupted leaves whole results only."""

import os
import signal
import subprocess
import time

import pytest

from tests.conftest import decode, encode
from tests.support.command import COMMAND, ENVIRONMENT


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
