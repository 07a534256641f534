"""The room of a store: the disk is not filled, workers keep one quota together, and deleting makes room again."""

import errno
import os
import subprocess
import sys
import threading
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from colorize_service.server.storage import room
from colorize_service.server.storage.folder import FolderStorage
from colorize_service.server.storage.room import StorageFull
from tests.conftest import encode
from tests.support.http import assert_error
from tests.support.service import ROOT, wait_until

BLOCK = room.BLOCK


@pytest.fixture
def impatient(monkeypatch):
    """While the quota is used up, files are counted at once and again and again."""
    monkeypatch.setattr(room, "SHORTEST", 0)
    monkeypatch.setattr(room, "PAUSES", 0)


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.jpg"))


def counted(folder: Path, quota: int) -> FolderStorage:
    """A store whose first count is over."""
    storage = FolderStorage(folder, quota=quota)
    storage.check_room()
    for thread in threading.enumerate():
        if thread.name == "count-storage":
            thread.join()
    return storage


def stored(storage: FolderStorage, data: bytes = b"x") -> str | None:
    try:
        return storage.put("results", data)
    except StorageFull:
        return None


@pytest.mark.parametrize("min_free", [300_000, 2**30])
def test_what_would_take_the_last_free_bytes_of_the_disk_is_not_stored(small_disk, min_free):
    storage = FolderStorage(small_disk, min_free=min_free)
    (small_disk / "filler").write_bytes(bytes(2**20 - 120_000))
    least = min(min_free, 2**20 // 20)
    room = os.statvfs(small_disk).f_bavail * BLOCK - least
    assert stored(storage, bytes(room)) is None or room > 0
    for _ in range(2):
        storage.put("results", bytes(max(0, room // 4)))
    with pytest.raises(StorageFull, match="STORAGE_MIN_FREE"):
        storage.check_room(room)


def test_a_quota_is_kept_to_the_block_and_tiny_files_count_as_what_they_take(tmp_path):
    storage = counted(tmp_path, 4 * BLOCK)
    assert stored(storage, b"x") and stored(storage, bytes(BLOCK + 1)) and stored(storage, bytes(BLOCK))
    with pytest.raises(StorageFull, match="STORAGE_QUOTA"):
        storage.check_room(1)
    assert stored(storage) is None and len(files(tmp_path)) == 3


def test_files_that_belong_together_count_together(tmp_path):
    storage = counted(tmp_path, 3 * BLOCK)
    storage.put_all({"originals": b"as sent", "uploads": b"as shown"})
    with pytest.raises(StorageFull):
        storage.put_all({"originals": b"as sent", "uploads": b"as shown"})
    assert stored(storage)


def test_a_file_that_could_not_be_written_leaves_its_room_to_the_next(tmp_path, monkeypatch):
    storage = counted(tmp_path, BLOCK)

    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            storage.put("results", b"x")
    assert stored(storage)


def test_where_files_were_deleted_by_hand_new_ones_are_stored_soon(tmp_path, impatient):
    storage = counted(tmp_path, 8 * BLOCK)
    while stored(storage):
        pass
    assert len(files(tmp_path)) == 8
    for path in files(tmp_path)[:3]:
        path.unlink()
    wait_until(lambda: stored(storage) is None and len(files(tmp_path)) == 8, 10)


def test_what_a_client_deletes_makes_room_at_once(tmp_path, monkeypatch):
    storage = counted(tmp_path, 2 * BLOCK)
    ids = [stored(storage), stored(storage)]
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)  # and without a count
    assert stored(storage) is None
    storage.delete("results", ids[0])
    assert stored(storage) and stored(storage) is None


@pytest.mark.parametrize("ledger", ["never made", "taken away", "cut off"])
def test_files_that_were_there_before_count(tmp_path, ledger):
    for _ in range(5):
        FolderStorage(tmp_path).put("results", b"x")
    if ledger != "never made":
        stored(FolderStorage(tmp_path, quota=100 * BLOCK))
        os.truncate(tmp_path / ".usage", 3) if ledger == "cut off" else (tmp_path / ".usage").unlink()
    storage = FolderStorage(tmp_path, quota=4 * BLOCK)

    def refused() -> bool:
        try:
            storage.check_room()
            storage.check_room(1)
        except StorageFull:
            return True
        return False

    wait_until(refused, 10)


def test_a_restart_does_not_forget_what_is_stored(tmp_path, monkeypatch):
    stored(counted(tmp_path, BLOCK))
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)  # before any file has been counted
    assert stored(FolderStorage(tmp_path, quota=BLOCK)) is None


def _fill(folder: Path, quota: int, counts_are_over: Barrier) -> None:
    storage = counted(folder, quota)
    counts_are_over.wait(60)
    while stored(storage):
        pass


@pytest.mark.slow
def test_workers_that_share_the_folder_do_not_exceed_the_quota_together(tmp_path):
    quota = 60 * BLOCK
    context = get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_fill, args=(tmp_path, quota, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(files(tmp_path)) * BLOCK == quota


def test_a_worker_that_was_killed_over_a_photo_does_not_take_its_room_for_ever(tmp_path, impatient):
    crash = (
        "import os, sys; from pathlib import Path; from colorize_service.server.storage.folder import FolderStorage;"
        f"storage = FolderStorage(Path(sys.argv[1]), quota={2 * BLOCK});"
        "os.fsync = lambda _: os.kill(os.getpid(), 9); storage.put('results', b'x')"
    )
    run = subprocess.run([sys.executable, "-c", crash, str(tmp_path)], cwd=ROOT, timeout=60, check=False)
    assert run.returncode == -9
    storage = FolderStorage(tmp_path, quota=2 * BLOCK)
    wait_until(lambda: stored(storage) is None and len(files(tmp_path)) == 2, 10)


def test_a_full_store_refuses_photos_before_they_are_read_and_still_shows_its_pictures(serve):
    service = serve(STORAGE_QUOTA=2**20)
    # 1.8 kB that become over 600: a client cannot fill the disk with photos that compress well.
    checkerboard = encode(Image.fromarray(np.indices((1000, 1000)).sum(0).astype(np.uint8) % 2 * 255), "PNG")
    assert len(checkerboard) < 3000
    first = requests.post(f"{service.url}/colorize", files={"file": checkerboard}, timeout=60).json()
    late = requests.post(f"{service.url}/colorize", files={"file": checkerboard}, timeout=60)
    early = requests.post(f"{service.url}/colorize", files={"file": bytes(700_000)}, timeout=60)  # is no photo at all
    for refused in (late, early):
        assert_error(refused, 503)
        assert "no room" in refused.json()["detail"] and refused.headers["Retry-After"] == "60"
    assert requests.get(first["download_url"], timeout=30).status_code == 200
    assert "STORAGE_QUOTA=1048576" in service.log()
