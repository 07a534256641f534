"""Pictures in a bucket: they are stored, found, read in part and deleted as in a folder; failures differ."""

import json
import re
import threading
import time
import uuid
from types import SimpleNamespace

import boto3
import obstore
import pytest
from moto.server import ThreadedMotoServer

from colorize_service.inference.turn import Busy
from colorize_service.server.cleaning import clean
from colorize_service.server.storage import bucket
from colorize_service.server.storage.bucket import BucketStorage
from colorize_service.server.storage.store import PRIVATE, PUBLIC, StoreUnavailable
from tests.support import buckets
from tests.support.buckets import BUCKET, KEY, SECRET, Failing, Silent
from tests.support.http import NO_SUCH_ID
from tests.support.service import ROOT, free_port, wait_until

S3 = {"region_name": "us-east-1", "aws_access_key_id": KEY, "aws_secret_access_key": SECRET}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    boto3.client("s3", endpoint_url=url, **S3).create_bucket(Bucket=BUCKET)
    yield SimpleNamespace(url=url, settings=buckets.settings_of(url))
    server.stop()


@pytest.fixture(params=["JuiceFS", "moto"])
def server(request):
    return request.getfixturevalue({"JuiceFS": "bucket_server", "moto": "moto"}[request.param])


@pytest.fixture
def opened(monkeypatch):
    """Open the store of these settings, with a prefix of the test's own."""
    prefix = uuid.uuid4()

    def storage(settings: dict[str, str], lifetime: float | None = None) -> BucketStorage:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return BucketStorage(f"{settings['STORAGE_URL']}/{prefix}", lifetime)

    return storage


@pytest.fixture
def storage(server, opened) -> BucketStorage:
    return opened(server.settings)


def test_a_stored_picture_is_found_by_its_id_in_its_own_collection_alone(storage):
    file_id = storage.put_all({"originals": b"as sent", "uploads": b"as shown"})
    assert storage.get("originals", file_id) == b"as sent" and storage.get("uploads", file_id) == b"as shown"
    assert storage.get("results", file_id) is storage.open("results", file_id) is None
    assert storage.get("results", "../uploads") is storage.open("results", NO_SUCH_ID) is None


def test_a_picture_for_which_there_is_no_room_in_memory_is_not_read(storage):
    file_id, told = storage.put("originals", b"12345"), []
    assert storage.get("originals", file_id, told.append) == b"12345" and told == [5]

    def full(size: int) -> None:
        raise Busy("full", 1)

    with pytest.raises(Busy):
        storage.get("originals", file_id, full)


def test_a_task_that_is_done_twice_leaves_one_picture(storage):
    file_id = storage.put("results", b"first")
    assert storage.put("results", b"second", file_id) == file_id
    assert storage.get("results", file_id) == b"second"
    assert [found.file_id for found in storage.files("results")] == [file_id]


def test_of_a_large_picture_no_more_is_read_than_was_asked_for(storage, monkeypatch):
    data = bytes(range(256)) * 10_000
    stored = storage.open("results", storage.put("results", data))
    asked, get_range = [], obstore.get_range

    def noted(store, key, *, start, end):
        asked.append((start, end))
        return get_range(store, key, start=start, end=end)

    monkeypatch.setattr(obstore, "get_range", noted)
    assert (stored.size, asked) == (len(data), [])
    assert b"".join(stored.content(5, 50)) == data[5:50] and asked == [(5, 50)]
    pieces = stored.content(0, len(data))
    assert asked[1:] == [(0, bucket.PIECE)], "what a slow client has not taken yet is not read"
    assert b"".join(pieces) == data


def test_an_empty_file_can_be_read(storage):
    assert b"".join(storage.open("inbox", storage.put("inbox", b"")).content(0, 0)) == b""


def test_what_is_deleted_is_gone_and_the_rest_stays(storage):
    one, other = storage.put("results", b"one"), storage.put("results", b"other")
    assert (storage.delete("results", one), storage.delete("results", one)) == (True, False)
    assert storage.get("results", one) is None and storage.get("results", other) == b"other"
    assert storage.delete("results", "../results") is False


def test_all_files_of_a_collection_can_be_listed(storage):
    ids = {storage.put("inbox", b"12345") for _ in range(3)}
    storage.put("results", b"x")
    assert {(found.file_id, found.size) for found in storage.files("inbox")} == {(each, 5) for each in ids}


def test_a_picture_that_has_expired_is_gone_before_anybody_deletes_it(server, opened):
    file_id = opened(server.settings).put_all({"uploads": b"x", "inbox": b"x"})
    late, in_time = opened(server.settings, lifetime=-60), opened(server.settings, lifetime=3600)
    assert late.get("uploads", file_id) is late.open("uploads", file_id) is None
    assert late.get("inbox", file_id) == b"x"
    assert in_time.open("uploads", file_id).expires == pytest.approx(
        in_time.open("uploads", file_id).modified.timestamp() + 3600
    )


def test_replicas_that_start_at_the_same_time_all_have_each_others_secrets(server, opened):
    replicas = [opened(server.settings) for _ in range(8)]
    together = threading.Barrier(len(replicas))
    first: list[bytes] = []

    def start(replica: BucketStorage) -> None:
        together.wait(10)
        first.append(replica.secrets()[0])

    threads = [threading.Thread(target=start, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = replicas[0].secrets()
    assert len(first) == len(replicas) and set(first) <= set(known)
    assert all(replica.secrets() == known and len(known[0]) == 32 for replica in replicas)


def test_nothing_is_wrong_with_a_store_that_answers(storage):
    assert storage.problem() is None
    storage.check_room(10**12)


def test_who_signs_with_another_secret_stores_nothing_and_the_secret_is_in_no_sentence(bucket_server, opened):
    storage = opened(buckets.settings_of(bucket_server.url, secret="another-secret"))
    for attempt in (
        lambda: storage.put("results", b"x"),
        lambda: storage.get("results", NO_SUCH_ID),
        lambda: storage.open("results", NO_SUCH_ID),
        storage.check_room,
        storage.secrets,
        lambda: list(storage.files("results")),
    ):
        with pytest.raises(StoreUnavailable, match="403 Forbidden") as refusal:
            attempt()
        assert not re.search("another-secret|COLORIZETESTKEY", str(refusal.value))
        assert refusal.value.__cause__ is None


def test_a_bucket_that_does_not_exist_is_no_missing_picture(bucket_server, opened):
    storage = opened(buckets.settings_of(bucket_server.url, bucket="nobodys"))
    with pytest.raises(StoreUnavailable, match="404 Not Found NoSuchBucket"):
        storage.put("results", b"x")
    assert storage.problem() == "it answered 404 Not Found NoSuchBucket"


@pytest.mark.parametrize("failures", [2, 3])
def test_a_picture_is_stored_at_the_third_attempt_and_no_later(opened, failures):
    def answer(method: str, path: str) -> tuple[int, bytes]:
        return (503 if len(server.asked) <= failures else 200), b""

    with Failing(answer) as server:
        storage = opened(server.settings)
        if failures == 2:
            storage.put("results", b"x")
        else:
            with pytest.raises(StoreUnavailable, match="503"):
                storage.put("results", b"x")
        assert len(server.asked) == 3 and len(set(server.asked)) == 1


def test_of_files_that_belong_together_none_is_kept_if_one_cannot_be(opened):
    def answer(method: str, path: str) -> tuple[int, bytes]:
        if "/uploads/" in path and method == "PUT":
            return 403, b""
        return (204 if method == "DELETE" else 200), b""

    with Failing(answer) as server:
        with pytest.raises(StoreUnavailable):
            opened(server.settings).put_all({"originals": b"as sent", "uploads": b"as shown"})
        (stored,) = [path for method, path in server.asked if method == "PUT" and "/originals/" in path]
        assert ("DELETE", stored) in server.asked


def test_a_store_that_nobody_reaches_says_so_soon_and_is_believed_when_it_is_back(opened, monkeypatch):
    monkeypatch.setattr(bucket, "BELIEVED", 0.2)
    storage = opened(buckets.settings_of(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(StoreUnavailable, match="it cannot be reached"):
        storage.check_room()
    with Failing(lambda *_: (200, b"<ListBucketResult></ListBucketResult>")) as server:
        storage._impatient = opened(server.settings)._impatient
        wait_until(lambda: storage.problem() is None, 5)


def test_nobody_waits_long_for_a_store_that_says_nothing_and_nobody_after_him(opened, monkeypatch):
    monkeypatch.setattr(bucket, "READ_TIMEOUT", 0.5)
    monkeypatch.setattr(bucket, "LOOK_TIMEOUT", 0.2)
    with Silent() as silent:
        storage = opened(silent.settings)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="it cannot be reached"):
            storage.open("results", NO_SUCH_ID)
        first = time.monotonic()
        assert 0.5 <= first - began < 2, "it was tried once"
        for ask in (storage.open, storage.get, storage.delete):
            with pytest.raises(StoreUnavailable, match="it cannot be reached"):
                ask("results", NO_SUCH_ID)
        with pytest.raises(StoreUnavailable, match="it cannot be reached"):
            storage.put("results", b"x")
        assert time.monotonic() - first < 1, "what is known to be away is not asked by each"


def test_a_store_that_has_answered_anybody_is_there_for_all(opened):
    storage = opened(buckets.settings_of(f"http://127.0.0.1:{free_port()}"))
    assert storage.problem() == "it cannot be reached"
    with Failing(lambda *_: (404, b"")) as server:
        storage._store = opened(server.settings)._store
        assert storage.get("results", NO_SUCH_ID) is None
    assert storage.problem() is None, "although it is too soon to ask again"


def test_what_is_too_old_is_cleaned_from_a_bucket_and_the_secret_is_not(server, opened):
    storage = opened(server.settings)
    secret, kept = storage.secrets(), storage.put("inbox", b"x")
    storage.put_all({"originals": b"12", "uploads": b"123", "results": b"1234"})
    before = {name: (sums.files, sums.size) for name, sums in clean(storage, -60, dry_run=True).items()}
    assert before == {"uploads": (1, 3), "results": (1, 4), "originals": (1, 2), "inbox": (0, 0)}
    clean(storage, -60)
    assert not [found for name in before for found in storage.files(name) if found.file_id != kept]
    assert storage.get("inbox", kept) == b"x" and opened(server.settings).secrets() == secret


def test_the_rules_for_a_bucket_that_cleans_itself_are_well_formed_and_name_all_but_the_secret(moto):
    rules = json.loads((ROOT / "deploy" / "bucket-lifecycle.json").read_text())
    client = boto3.client("s3", endpoint_url=moto.url, **S3)
    client.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=rules)
    stored = client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    ends = {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in stored if rule["Status"] == "Enabled"}
    assert ends == {f"colorize/{name}/": 1 if name == "inbox" else 30 for name in (*PUBLIC, *PRIVATE)}
