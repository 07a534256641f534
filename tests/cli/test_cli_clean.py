"""The command ``colorize clean``."""

import os
import time
import uuid
from pathlib import Path

import pytest

from colorize_service.server.cleaning import clean
from colorize_service.server.storage.folder import FolderStorage
from tests.support.command import ENVIRONMENT

DAY = 24 * 3600


@pytest.fixture
def ages(tmp_path) -> dict[tuple[str, float], Path]:
    """Files in all collections, by collection and age in days."""
    storage, found = FolderStorage(tmp_path / "pictures", quota=2**20), {}
    for collection in ("uploads", "originals", "results", "inbox"):
        for days in (0.5, 2, 29, 31):
            path = storage.find(collection, storage.put(collection, b"12345"))
            os.utime(path, (time.time() - days * DAY,) * 2)
            found[collection, days] = path
    storage.secrets()
    return found


def run(colorize, tmp_path, *arguments: str, **settings: str):
    return colorize("clean", *arguments, env=ENVIRONMENT | {"STORAGE_DIR": str(tmp_path / "pictures")} | settings)


def left(ages) -> set[tuple[str, float]]:
    return {what for what, path in ages.items() if path.exists()}


def test_what_is_too_old_is_deleted_and_the_rest_is_kept(colorize, tmp_path, ages):
    done = run(colorize, tmp_path, RETENTION_DAYS="30")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Deleted 1 uploads, 1 results, 1 originals, 3 inbox: 30 bytes.\n"
    assert set(ages) - left(ages) == {
        ("uploads", 31), ("results", 31), ("originals", 31), ("inbox", 31), ("inbox", 29), ("inbox", 2),
    }  # fmt: skip
    assert (tmp_path / "pictures" / ".secret").exists()


def test_without_a_retention_only_what_was_left_in_the_inbox_goes(colorize, tmp_path, ages):
    assert run(colorize, tmp_path).returncode == 0
    assert set(ages) - left(ages) == {("inbox", 31), ("inbox", 29), ("inbox", 2)}


def test_a_dry_run_says_what_it_would_delete_and_deletes_nothing(colorize, tmp_path, ages):
    done = run(colorize, tmp_path, "--dry-run", RETENTION_DAYS="1")
    assert done.stdout == "Would delete 3 uploads, 3 results, 3 originals, 3 inbox: 60 bytes.\n"
    assert left(ages) == set(ages)


def test_what_is_cleaned_makes_room_in_the_quota(tmp_path, ages):
    usage = tmp_path / "pictures" / ".usage"
    before = int.from_bytes(usage.read_bytes()[:8], "little")
    clean(FolderStorage(tmp_path / "pictures", quota=2**20, lifetime=30 * DAY), 30 * DAY)
    assert before - int.from_bytes(usage.read_bytes()[:8], "little") == 6 * 4096


def test_files_of_the_operators_own_in_the_store_stay(colorize, tmp_path, ages):
    names = ("notes.txt", f"{uuid.uuid4()}.png", "README")
    for name in names:
        path = tmp_path / "pictures" / "results" / name
        path.touch()
        os.utime(path, (0, 0))
    run(colorize, tmp_path, RETENTION_DAYS="30")
    assert all((tmp_path / "pictures" / "results" / name).exists() for name in names)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"RETENTION_DAYS": "soon"}, "RETENTION_DAYS=soon: "),
        ({"RETENTION_DAYS": "0"}, "greater than 0"),
        ({"STORAGE_DIR": "/proc/none"}, "STORAGE_DIR=/proc/none"),
    ],
)
def test_what_stops_it_is_a_sentence(colorize, tmp_path, settings, says):
    done = run(colorize, tmp_path, **settings)
    assert done.returncode == 1 and says in done.stderr


def test_a_bucket_that_does_not_answer_is_a_sentence_without_its_keys(colorize, tmp_path):
    settings = {
        "STORAGE_URL": "s3://bucket",
        "AWS_ENDPOINT": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "top-key",
        "AWS_SECRET_ACCESS_KEY": "top-secret",
        "RETENTION_DAYS": "30",
    }
    done = run(colorize, tmp_path, **settings)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: The store of pictures is not available: it cannot be reached.\n",
    )
