"""What an operator of a fleet sees of it: figures of API processes and of workers."""

import contextlib

import pytest
import requests

from tests.support import odd_worker
from tests.support.figures import samples
from tests.support.fleet import redis_fleet
from tests.support.odd_fleet import ODD, Running, gray
from tests.support.odd_worker import SLOW
from tests.support.service import ROOT, wait_until


@pytest.fixture(scope="module")
def running(tmp_path_factory, keys, every_answer_is_as_documented):
    folder = tmp_path_factory.mktemp("figures")
    settings = {"MAX_IN_WORK": 1, odd_worker.SEEN: folder / "seen"}
    with contextlib.ExitStack() as stack:
        broker, fleet = redis_fleet(stack, folder, worker=ODD, replicas=1, **settings)
        yield Running(fleet, broker, folder / "seen")


def total(figures: dict, name: str, **labels: str) -> float:
    """The sum of a figure over the labels that are not given."""
    return sum(
        value for (each, found), value in figures.items() if each == name and labels.items() <= dict(found).items()
    )


def test_the_figures_of_a_fleet_tell_of_line_workers_attempts_and_store(running, gray_jpeg):
    url = running.urls[0]
    service = f"{url}/metrics"
    wait_until(lambda: total(samples(service), "colorize_fleet_workers", version="1.3.0") == 2, 20)
    for _ in range(3):
        assert requests.post(f"{url}/colorize", files={"file": gray_jpeg}, timeout=30).status_code == 200
    assert requests.post(f"{url}/colorize", files={"file": gray_jpeg[:20_000]}, timeout=30).status_code == 400
    theirs = [samples(each.figures) for each in running.fleet.workers]
    done = sum(total(each, "colorize_worker_photos_total", outcome="done", version="1.3.0") for each in theirs)
    wrong = sum(total(each, "colorize_worker_photos_total", outcome="image") for each in theirs)
    assert (done, wrong) == (3, 1)
    assert sum(total(each, "colorize_worker_seconds_count") for each in theirs) == 4
    assert sum(total(each, "colorize_worker_attempts_sum") for each in theirs) == 4
    assert sum(total(each, "colorize_store_seconds_count", operation="put") for each in theirs) == 3
    ours = samples(service)
    assert total(ours, "colorize_store_seconds_count", operation="put") == 4
    assert total(ours, "colorize_queue_seconds_count") == total(ours, "colorize_engine_seconds_count") == 3
    assert total(ours, "colorize_model_loaded") == 1

    job = requests.post(f"{url}/colorize", files={"file": gray(SLOW)}, headers={"Prefer": "respond-async"}, timeout=30)
    assert job.status_code == 202
    first, second = running.fleet.workers
    running.worker(running.wait_for_work()).kill()
    left = second if first.is_dead else first
    wait_until(lambda: total(samples(left.figures), "colorize_worker_attempts_sum") >= 2, 30)
    wait_until(lambda: total(samples(service), "colorize_fleet_workers") == 1, 30)


def test_every_figure_of_a_fleet_is_explained_and_on_the_dashboard(running):
    page = (ROOT / "docs" / "metrics.md").read_text()
    dashboard = (ROOT / "deploy" / "grafana-dashboard.json").read_text()
    (worker, *_) = [worker for worker in running.fleet.workers if not worker.is_dead]
    names = set()
    for address in (f"{running.urls[0]}/metrics", worker.figures):
        text = requests.get(address, timeout=10).text
        names |= {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE colorize_")}
    names = {name for name in names if not name.endswith("_created")}
    assert len(names) >= 16
    for name in names:
        assert name in page and name in dashboard, name
