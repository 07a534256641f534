"""Storage: what is stored is whole, is found again, and cannot be reached by another name."""

import errno
import os
import subprocess
import sys
import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorize_service.server.storage.folder import FolderStorage
from colorize_service.server.storage.room import StorageFull
from colorize_service.server.storage.store import is_id
from tests.support.service import ROOT


@pytest.fixture
def storage(tmp_path) -> FolderStorage:
    return FolderStorage(tmp_path)


def test_a_stored_picture_is_found_by_its_id_in_its_own_collection_alone(storage):
    file_id = storage.put("results", b"picture")
    assert storage.find("results", file_id).read_bytes() == b"picture"
    assert storage.find("uploads", file_id) is None


def test_files_of_one_id_are_all_stored(storage):
    file_id = storage.put_all({"originals": b"as sent", "uploads": b"as shown"})
    assert storage.get("originals", file_id) == b"as sent" and storage.get("uploads", file_id) == b"as shown"


def test_of_files_that_belong_together_none_is_kept_if_one_cannot_be(storage, tmp_path):
    (tmp_path / "uploads").write_bytes(b"in the way")
    with pytest.raises(FileExistsError):
        storage.put_all({"originals": b"as sent", "uploads": b"as shown"})
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"lock", "uploads"}


def test_a_task_that_is_done_twice_leaves_one_picture_and_takes_room_once(tmp_path):
    storage = FolderStorage(tmp_path, quota=2**20)
    storage.check_room()
    for counting in (each for each in threading.enumerate() if each.name == "count-storage"):
        counting.join()  # a file that is written during a count may count twice until the next one
    file_id = storage.put("results", b"first")
    used = (tmp_path / ".usage").read_bytes()[:8]
    assert storage.put("results", b"second", file_id) == file_id
    assert storage.get("results", file_id) == b"second"
    assert (tmp_path / ".usage").read_bytes()[:8] == used


def test_a_result_that_is_there_stays_if_its_second_attempt_fails(storage, monkeypatch):
    file_id = storage.put("results", b"first")

    def full(_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        storage.put("results", b"second", file_id)
    assert storage.get("results", file_id) == b"first"


def test_what_is_deleted_is_gone_and_the_rest_stays(storage):
    one, other = storage.put("results", b"one"), storage.put("results", b"other")
    assert (storage.delete("results", one), storage.delete("results", one)) == (True, False)
    assert storage.get("results", one) is None and storage.get("results", other) == b"other"
    assert storage.delete("results", "../results") is False


def test_all_files_of_a_collection_can_be_listed(storage, tmp_path):
    ids = {storage.put("inbox", b"12345") for _ in range(3)}
    storage.put("results", b"x")
    (tmp_path / "inbox" / "notes.txt").write_text("the operator's own")
    assert {(found.file_id, found.size) for found in storage.files("inbox")} == {(each, 5) for each in ids}


def test_a_picture_that_has_expired_is_gone_before_anybody_deletes_it(storage, tmp_path):
    file_id = storage.put_all({"uploads": b"x", "inbox": b"x"})
    late, in_time = FolderStorage(tmp_path, lifetime=-60), FolderStorage(tmp_path, lifetime=3600)
    assert late.get("uploads", file_id) is late.open("uploads", file_id) is None
    assert late.get("inbox", file_id) == b"x"
    stored = in_time.open("uploads", file_id)
    assert stored.expires == pytest.approx(stored.modified.timestamp() + 3600)


def test_replicas_of_one_folder_have_one_secret_and_nobody_else_can_read_it(tmp_path):
    replicas = [FolderStorage(tmp_path) for _ in range(8)]
    together, found = threading.Barrier(len(replicas)), []

    def start(replica: FolderStorage) -> None:
        together.wait(10)
        found.append(replica.secrets())

    threads = [threading.Thread(target=start, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[found[0][0]]] * len(replicas) and len(found[0][0]) == 32
    assert (tmp_path / ".secret").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / ".tmp").iterdir()] == ["lock"]


def test_a_folder_that_has_gone_is_a_problem_and_one_that_is_there_is_none(storage, tmp_path):
    assert storage.problem() is None
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert "No such file" in storage.problem()


def test_a_million_pictures_do_not_lie_in_one_folder(storage, tmp_path):
    file_id = storage.put("results", b"")
    assert storage.find("results", file_id) == tmp_path / "results" / file_id[:2] / file_id[2:4] / f"{file_id}.jpg"


def test_another_replica_on_the_same_folder_finds_it_at_once(storage, tmp_path):
    assert FolderStorage(tmp_path).find("results", storage.put("results", b"x"))


@given(
    st.one_of(
        st.text(),
        st.from_regex(r"[0-9a-fA-F./-]{36}"),
        st.uuids().map(str),
        st.uuids(version=4).map(lambda value: str(value).upper()),
    )
)
def test_nothing_but_a_version_4_uuid_in_its_usual_form_names_a_file(text):
    usual = len(text) == 36 and text == text.lower()
    try:
        expected = usual and uuid.UUID(text).version == 4 and str(uuid.UUID(text)) == text
    except ValueError:
        expected = False
    assert is_id(text) == expected
    if expected:
        assert "/" not in text and "." not in text


def test_two_pictures_whose_ids_begin_alike_are_both_stored(storage, monkeypatch):
    ids = [uuid.UUID(f"abcd0000-0000-4000-8000-00000000000{number}") for number in range(2)]
    monkeypatch.setattr(uuid, "uuid4", iter(ids).__next__)
    for content in (b"first", b"second"):
        assert storage.get("results", storage.put("results", content)) == content


@pytest.mark.parametrize("form", ["urn:uuid:{}", "{{{}}}", "{}.jpg", " {}", "{}\n"])
def test_an_id_in_another_form_names_nothing(storage, form):
    file_id = storage.put("results", b"picture")
    assert not is_id(form.format(file_id)) and storage.find("results", form.format(file_id)) is None
    assert not is_id(file_id.replace("-", "")) and not is_id(file_id.upper())


def test_a_picture_gets_its_name_when_all_of_it_is_on_the_disk(storage, tmp_path, monkeypatch):
    sizes, named = [], []

    def fsync(descriptor):
        sizes.append(os.fstat(descriptor).st_size)
        named.extend(tmp_path.rglob("*.jpg"))

    monkeypatch.setattr(os, "fsync", fsync)
    file_id = storage.put("results", b"picture")
    assert (sizes, named) == ([len(b"picture")], [])
    assert storage.get("results", file_id) == b"picture"


def test_what_is_not_stored_is_not_found(storage):
    unknown = str(uuid.uuid4())
    assert storage.find("results", unknown) is storage.get("results", unknown) is None
    assert storage.get("results", "../results") is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind_and_the_next_picture_is_stored(storage, tmp_path, monkeypatch, number):
    def full(_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageFull):
            storage.put("results", b"x")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]
    assert storage.find("results", storage.put("results", b"x"))


def test_another_error_of_the_disk_is_not_called_full(storage, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        storage.put("results", b"x")


def test_what_a_crash_left_is_removed_at_the_next_start(tmp_path):
    crash = (
        "import os, sys; from pathlib import Path; from colorize_service.server.storage.folder import FolderStorage;"
        "os.fsync = lambda _: os.kill(os.getpid(), 9); FolderStorage(Path(sys.argv[1])).put('results', b'x')"
    )
    run = subprocess.run([sys.executable, "-c", crash, str(tmp_path)], cwd=ROOT, timeout=60, check=False)
    assert run.returncode == -9
    assert len(list((tmp_path / ".tmp").iterdir())) == 2
    FolderStorage(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_a_replica_that_starts_does_not_take_away_what_another_is_writing(storage, tmp_path, monkeypatch):
    writing, go_on = threading.Event(), threading.Event()

    def slow(_):
        writing.set()
        go_on.wait(10)

    monkeypatch.setattr(os, "fsync", slow)
    ids = []
    writer = threading.Thread(target=lambda: ids.append(storage.put("results", b"x")))
    writer.start()
    writing.wait(10)
    FolderStorage(tmp_path)
    go_on.set()
    writer.join()
    assert storage.find("results", ids[0]).read_bytes() == b"x"


def test_other_users_of_the_machine_can_neither_read_pictures_nor_hold_the_lock(tmp_path):
    root = tmp_path / "store"
    (root / ".tmp").mkdir(parents=True)  # as earlier versions made it
    (root / ".tmp" / "lock").touch()
    mask = os.umask(0)
    try:
        storage = FolderStorage(root, quota=10**6)
        storage.put_all({"originals": b"as sent", "uploads": b"as shown"})
        FolderStorage(tmp_path / "new")
    finally:
        os.umask(mask)
    made = [
        *(path for path in root.rglob("*") if path.name != "lock"),
        *(tmp_path / "new").rglob("*"),
        tmp_path / "new",
    ]
    assert len(made) >= 12
    assert not [path for path in made if path.stat().st_mode & 0o077]
