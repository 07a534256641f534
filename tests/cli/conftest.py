"""The command line as a process, and a photo for it."""

import subprocess
from pathlib import Path

import pytest

from tests.support.command import COMMAND, ENVIRONMENT


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
