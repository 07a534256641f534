"""What an operator sees of a photo's way through the parts of a fleet."""

import contextlib
import json
import sys
import time

import pytest
import requests

from colorize_service.server.app import create_app
from colorize_service.server.settings import Settings, SettingsError
from tests.support.collector import Collector
from tests.support.fleet import redis_fleet
from tests.support.service import wait_until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01", "baggage": "theirs=1", "X-Request-ID": "mine"}


@pytest.fixture(scope="module")
def traced(tmp_path_factory, every_answer_is_as_documented):
    """A collector, and a fleet that sends to it."""
    with contextlib.ExitStack() as stack:
        collector = stack.enter_context(Collector())
        folder = tmp_path_factory.mktemp("fleet")
        _, fleet = redis_fleet(stack, folder, replicas=1, workers=1, **collector.settings)
        yield collector, fleet


def test_a_photo_has_one_trace_from_its_client_through_the_line_into_the_worker(traced, gray_jpeg):
    collector, fleet = traced
    url = fleet.services[0].url
    answer = requests.post(f"{url}/colorize", files={"file": gray_jpeg}, headers=_PARENT, timeout=30)
    assert answer.status_code == 200
    wait_until(lambda: {"POST /colorize", "process colorize"} <= {span.name for span in collector.spans(TRACE)}, 10)
    named = {span.name: span for span in collector.spans(TRACE)}

    request, send, process = named["POST /colorize"], named["send colorize"], named["process colorize"]
    assert (request.service, process.service) == ("colorize", "colorize-worker")
    assert (request.parent, send.parent, process.parent) == (SPAN, request.id, send.id)
    assert named["queue"].parent == named["work"].parent == process.id
    assert (request["http.response.status_code"], request["http.route"]) == (200, "/colorize")
    assert request["colorize.request_id"] == process["colorize.request_id"] == "mine"
    assert send["colorize.photo"] == process["colorize.photo"] == answer.json()["result_id"]
    assert (process["colorize.outcome"], named["work"]["colorize.pixels"] > 0) == ("done", True)
    stores = [(span.service, span.name) for span in collector.spans(TRACE) if span.name.startswith("store")]
    assert {("colorize", "store put"), ("colorize-worker", "store get"), ("colorize-worker", "store put")} <= set(
        stores
    )


def test_log_lines_of_both_processes_name_the_trace(traced, gray_jpeg):
    _, fleet = traced
    for part in (fleet.services[0], fleet.workers[0]):
        wait_until(lambda part=part: '"mine"' in part.log(), 10, part.log)
        lines = [json.loads(line) for line in part.log().splitlines() if line.startswith("{")]
        assert TRACE in {line.get("trace_id") for line in lines if line.get("request_id") == "mine"}


def test_a_photo_that_cannot_be_read_says_so_in_its_trace(traced, gray_jpeg):
    collector, fleet = traced
    url = fleet.services[0].url
    before = len(collector.spans())
    answer = requests.post(f"{url}/colorize", files={"file": gray_jpeg[:20_000]}, timeout=30)
    assert answer.status_code == 400
    wait_until(lambda: any(span.get("colorize.outcome") == "image" for span in collector.spans()[before:]), 10)
    (process,) = [span for span in collector.spans()[before:] if span.name == "process colorize"]
    wait_until(lambda: any(span.name == "POST /colorize" for span in collector.spans(process.trace)), 10)


def test_what_is_asked_every_few_seconds_is_not_traced(traced):
    collector, fleet = traced
    url = fleet.services[0].url
    for path in ("health", "live"):
        assert requests.get(f"{url}/{path}", timeout=30).status_code == 200
    assert requests.get(f"{url}/model", timeout=30).status_code == 200
    wait_until(lambda: any(span.name == "GET /model" for span in collector.spans()), 10)
    assert not [span for span in collector.spans() if span.get("url.path") in ("/health", "/live")]


@pytest.mark.parametrize("parent", ["", "00-zz-1", "x" * 2000, f"00-{'0' * 32}-{SPAN}-01"])
def test_a_trace_parent_that_is_none_costs_no_photo(traced, gray_jpeg, parent):
    _, fleet = traced
    headers = {"traceparent": parent}
    answer = requests.post(f"{fleet.services[0].url}/colorize", files={"file": gray_jpeg}, headers=headers, timeout=30)
    assert answer.status_code == 200


def test_one_process_alone_is_traced_and_a_collector_that_is_gone_costs_it_nothing(serve, gray_jpeg):
    with Collector() as collector:
        service = serve(**collector.settings)
        assert requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=30).status_code == 200
        wait_until(lambda: any(span.name == "POST /colorize" for span in collector.spans()), 10)
        (request,) = [span for span in collector.spans() if span.name == "POST /colorize"]
        assert {"queue", "work"} <= {span.name for span in collector.spans(request.trace)}
    for _ in range(3):
        assert requests.post(f"{service.url}/colorize", files={"file": gray_jpeg}, timeout=30).status_code == 200
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 10


def test_without_its_packages_the_service_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    settings = Settings.load(app_check=False, otel_exporter_otlp_endpoint="http://127.0.0.1:4318")
    with pytest.raises(SettingsError, match=r"pip install '\.\[server,traces\]'"):
        create_app(settings)
