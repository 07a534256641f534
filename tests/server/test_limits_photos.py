"""What a request costs at most after its token has been judged, and a worker in all; see test_limits.py."""

import contextlib
import json
import threading
import time

import pytest
import requests

from tests.support.limits import ROWS, WORKER
from tests.support.watched import MB, SETTINGS, SIZE, at_once, field, form, start
from tests.support.worst import deep_jpeg2000, deep_tiff, dense_jpeg2000, swelling_png

# --- after the token -------------------------------------------------------------------------------------------------


def test_bodies_that_stop_in_the_middle_take_what_was_sent_and_end(watched):
    count, sent = 40, 400_000
    head = watched.head(b"/upload", 2 * MB) + field("file", b"")[:-2]
    with watched.keeps("slow", count, sent=sent / MB), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(watched.connect(head + bytes(sent))) for _ in range(count)]
        time.sleep(1)
        assert watched.worker.num_threads() > count
        assert watched.seconds_until_hung_up(clients) < ROWS["slow"].time.value(watched.settings)


def test_a_form_of_many_parts_costs_little(watched):
    photo = field("file", swelling_png(64, 64))
    bodies = [
        photo + b"".join(field(str(i), b"", b'; filename="%s"' % (b"a" * 430)) for i in range(1_990)),
        photo + b"".join(field("a", b"", b"; " + b'a="x;' * 3_200) for _ in range(60)),
        photo + b"".join(field("a", b"", b"; " + b"a=;" * 5_300) for _ in range(60)),
        photo + b"".join(field("a", b"", b"\r\n " * 5_300) for _ in range(60)),
        field("file", b"\n--xy" * 300_000),
        (b"\n--xy" * 300_000) + b"\r\n" + photo,
    ]
    for body in bodies:
        with watched.keeps("parts", sent=len(body) / MB):
            assert watched.post("/colorize", body + b"--x--\r\n").status_code in (200, 400)


def test_fields_as_large_as_they_may_be_cost_little(watched):
    photo, extra = swelling_png(64, 64), b'[{"' + b'":1,"'.join(b"%d" % i for i in range(5_000)) + b'":1}]'
    hundred = json.dumps([{"x": i / 100, "y": 0.5, "color": "#208030"} for i in range(100)]).encode()
    fields = [
        {"hints": extra},
        {"hints": hundred + b" " * (49_900 - len(hundred))},
        {"hints": b"[" * 49_900},
        {"saturation": b"1" * 490_000},
        {"warmth": b" " * 490_000 + b"1"},
        {"prompt": b"a" * 490_000},
    ]
    for each in fields:
        with watched.keeps("texts"):
            assert watched.post("/colorize", form(file=photo, **each)).status_code in (200, 400)
    with watched.keeps("texts"):
        assert watched.post("/colorize", form(image_id=b"a" * 490_000)).status_code == 404


DEAREST = {
    "most memory": lambda: deep_jpeg2000(*SIZE),
    "most memory of a TIFF": lambda: deep_tiff(*SIZE),
    "most time": lambda: dense_jpeg2000(*SIZE, SETTINGS["MAX_UPLOAD_BYTES"] - 10_000),
    "most room": lambda: swelling_png(*SIZE),
}


@pytest.mark.parametrize("photo", DEAREST)
@pytest.mark.parametrize("name", ["upload", "colorize"])
def test_the_dearest_photos_keep_to_the_limits(watched, name, photo):
    file = DEAREST[photo]()
    body = form(file=file + bytes(SETTINGS["MAX_UPLOAD_BYTES"] - len(file) - 500))
    with watched.keeps(name):
        assert watched.post(f"/{name}", body).status_code == 200


def test_a_fresh_worker_takes_for_the_dearest_photo_what_is_said(running, keys):
    """One that has had such a photo keeps memory for the next."""
    watched = start(running, keys)
    body = form(file=deep_jpeg2000(*SIZE))
    before = watched.memory("VmRSS")
    assert watched.post("/upload", body).status_code == 200
    most = ROWS["upload"].memory.value(watched.settings)
    assert 0.5 * most < watched.memory("VmHWM") - before < most


def test_a_photo_by_its_id_one_with_hints_and_one_for_its_colours_cost_no_more_than_others(watched):
    hints = json.dumps([{"x": i / 100, "y": i / 100, "color": "#208030"} for i in range(100)]).encode()
    uploaded = watched.post("/upload", form(file=deep_jpeg2000(*SIZE))).json()["image_id"].encode()
    for name, fields in (("image_id", {"image_id": uploaded}), ("hints", {"image_id": uploaded, "hints": hints})):
        with watched.keeps(name):
            assert watched.post("/colorize", form(**fields)).status_code == 200
    with watched.keeps("colors"):
        assert watched.post("/colors", form(image_id=uploaded, x=b"0.5", y=b"0.5")).status_code == 200


# --- all at once -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_request_that_is_repeated_costs_no_more_than_its_bytes(watched):
    body, count = form(file=swelling_png(*SIZE)), 20
    assert len(body) < MB

    def ask() -> requests.Response:
        return watched.post("/colorize", body, {"Idempotency-Key": "k" * 255})

    first = ask().json()
    with watched.keeps("repeated", count, sent=len(body) / MB):
        for answer in at_once(count, ask):
            assert answer.json() == first


def test_a_worker_stays_within_its_memory_whatever_comes_at_once(running, keys):
    """Clients that hold memory and threads, while photos of the dearest kind are colorized and kept."""
    watched = start(running, keys, BODY_TIMEOUT=60, HEADER_TIMEOUT=60)
    most = WORKER.value(watched.settings)
    bodies = [form(file=make()) for make in (DEAREST["most memory"], DEAREST["most memory of a TIFF"])]
    uploaded = watched.post("/upload", bodies[0]).json()
    over, statuses = threading.Event(), []

    def photos(path: str, body: bytes) -> None:
        while not over.is_set():
            statuses.append(watched.post(path, body).status_code)

    calls = [(path, body) for path in ("/upload", "/colorize") for body in bodies] * 3
    calls += [("/colorize", form(image_id=uploaded["image_id"].encode()))] * 3
    head = watched.head(b"/upload", 2 * MB) + field("file", b"")[:-2]
    stored = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % uploaded["image_url"].removeprefix(watched.url).encode()
    with contextlib.ExitStack() as stack:
        for said in [b""] * 50 + [head + bytes(MB)] * 12 + [head] * 40 + [stored] * 40:
            stack.enter_context(watched.connect(said, 4_096))
        threads = [threading.Thread(target=photos, args=call) for call in calls]
        for thread in threads:
            thread.start()
        time.sleep(5)
        over.set()
        for thread in threads:
            thread.join()
    peak = watched.memory("VmHWM")
    assert set(statuses) <= {200, 503} and statuses.count(200) > 5, statuses
    assert 0.5 * most < peak < most, (peak, most)
