"""What API processes and workers say to each other: nobody else's words are taken for theirs."""

import json
import subprocess
import sys

import pytest

from colorize_service.imaging import ImageError
from colorize_service.inference.turn import Busy
from colorize_service.likely import LikelyColour
from colorize_service.options import Hint, Options
from colorize_service.server.engines.protocol import Description, Times
from colorize_service.server.fleet import messages
from colorize_service.server.fleet.engine import earliest
from colorize_service.server.fleet.messages import NotOurs, Outcome, Task, done, pack, read_outcome, read_task, task
from colorize_service.server.fleet.outcomes import error_of, outcome_of
from colorize_service.server.storage.room import StorageFull
from tests.support.service import ROOT

ID = "3f0e7a52-6d0e-4b0e-9a43-5c3f7f8f6c11"


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(saturation=0.5, warmth=-1, hints=(Hint(0, 1, (1, 2, 255)), Hint(0.5, 0.5, (0, 0, 0)))),
        Options(prompt="a cat", negative_prompt="", seed=2**32 - 1, steps=50, guidance_scale=7.5, hints=()),
    ],
)
def test_a_worker_gets_the_options_that_were_asked_for(options):
    sent = json.loads(pack(task(ID, options, "request-1", None)))
    assert read_task(sent)[1] == options


def test_an_option_at_its_default_is_not_sent_so_that_an_earlier_worker_need_not_know_it():
    assert task(ID, Options(warmth=0.5), "request-1", ID).options == {"warmth": 0.5}
    assert set(json.loads(pack(task(ID, Options(), "request-1", None)))) == {"id", "options", "request_id"}


def test_a_worker_is_told_of_which_place_the_colours_are_asked():
    asked = Task(ID, {}, "request-1", None, (0.0, 1.0))
    assert read_task(json.loads(pack(asked)))[0] == asked


def test_the_colours_that_a_worker_has_found_arrive():
    found = [LikelyColour((0, 128, 255), 0.75), LikelyColour((1, 2, 3), 0.021)]
    outcome = read_outcome(pack(done(Times(10, 0.0, 0.5, 0.25), found)))
    assert outcome.likely_colours() == found
    assert outcome.times(2.0) == Times(10, 1.5, 0.5, 0.25)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../etc/passwd"},
        {"id": ID.upper()},
        {"id": ID + "\n"},
        {"id": None},
        {"upload": "originals"},
        {"upload": ID + "\n"},
        {"request_id": 'a" b'},
        {"request_id": "a\n"},
        {"request_id": ""},
        {"options": []},
        {"options": {"saturation": 3}},
        {"options": {"saturation": float("nan")}},
        {"options": {"warmth": "0"}},
        {"options": {"steps": 0}},
        {"options": {"steps": 1.5}},
        {"options": {"seed": -1}},
        {"options": {"sharpness": 1}},
        {"options": {"hints": [{"x": 2, "y": 0, "rgb": [0, 0, 0]}]}},
        {"options": {"hints": [{"x": 0, "y": 0, "rgb": [0, 0, 256]}]}},
        {"options": {"hints": [{"x": 0, "y": 0, "rgb": [0, 0, 0]}] * 101}},
        {"options": {"steps": 10**30}},
        {"pixels": "AAAA"},
        {"place": [0.5]},
        {"place": [0.5, 1.5]},
        {"place": [float("nan"), 0.5]},
        {"place": {"x": 0.5, "y": 0.5}},
    ],
)
def test_a_message_of_another_form_is_refused(change):
    ours = json.loads(pack(task(ID, Options(), "request-1", None)))
    read_task(ours)
    with pytest.raises(NotOurs):
        read_task(ours | change)


@pytest.mark.parametrize("other", [None, [], "x", 5, {}])
def test_what_is_no_message_is_refused(other):
    with pytest.raises(NotOurs):
        read_task(other)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"kind": "gone"}',
        b"[" * 100_000,
        b'{"kind": "done", "colours": [{"rgb": [0, 0, 256], "share": 0.5}]}',
        b'{"kind": "done", "colours": [{"rgb": [0, 0, 0], "share": 1.5}]}',
        b'{"kind": "done", "colours": [%s]}' % b",".join([b'{"rgb": [0, 0, 0], "share": 0.1}'] * 9),
    ],
)
def test_what_is_no_outcome_is_refused(data):
    with pytest.raises(NotOurs):
        read_outcome(data)


@pytest.mark.parametrize("error", [ImageError("No image."), Busy("Wait.", 7), StorageFull("full")])
def test_a_client_is_told_what_went_wrong_in_a_worker(error):
    there = read_outcome(pack(outcome_of(error)))
    here = error_of(there)
    assert type(here) is type(error) and str(here) == str(error)
    assert getattr(here, "retry_after", None) == getattr(error, "retry_after", None)


def test_what_nobody_has_foreseen_reaches_no_client():
    assert "secret" not in outcome_of(ValueError("secret")).sentence


def test_clocks_of_a_worker_and_of_an_api_process_are_not_compared():
    times = Outcome("done", pixels=10, work=0.5, engine=0.25).times(2.0)
    assert (times.queue, times.work, times.engine) == (1.5, 0.5, 0.25)


def test_a_model_is_described_alike_everywhere():
    model = Description("Lite", "1.3.0", "lite", "ColorizeNet-Lite", "cpu", "fp32", (512, 512), {"hints": []})
    assert messages.read_description(pack(model)) == model
    assert messages.read_description(b"{}") is None


@pytest.mark.parametrize("versions", [["1.10.0", "1.9.2"], ["2.0", "1.9.2", "1.10"], ["1.9.2"], ["1.9.2", "1.9.2.1"]])
def test_while_versions_are_mixed_the_form_takes_what_the_earliest_takes(versions):
    models = [Description("Lite", each, "lite", "Lite", "cpu", "fp32", (512, 512), {}) for each in versions]
    assert earliest(models).version == "1.9.2"


def test_while_a_worker_is_too_old_to_tell_likely_colours_nobody_is_offered_any():
    models = [
        Description("Lite", version, "lite", "Lite", "cpu", "fp32", (512, 512), {}, suggests=True)
        for version in ("1.3.0", "1.4.0")
    ]
    old = messages.read_description(pack(models[1]).replace(b',"suggests":true', b""))
    assert earliest(models).suggests and not earliest([*models, old]).suggests


@pytest.mark.slow
def test_without_a_broker_nothing_of_a_fleet_is_imported(tmp_path):
    code = (
        "import sys, colorize_service.server.wsgi\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('celery', 'kombu', 'redis', 'amqp')"
        " or name.startswith('colorize_service.server.fleet')])"
    )
    environment = {"STORAGE_DIR": str(tmp_path), "APP_CHECK": "off", "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert run.stdout.strip() == "[]", run.stderr
