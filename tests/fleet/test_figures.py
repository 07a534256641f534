"""What an operator of a fleet sees of it: figures of API processes and of workers."""

import requests

from tests.support.figures import samples
from tests.support.odd_fleet import gray
from tests.support.odd_worker import SLOW
from tests.support.service import ROOT, wait_until


def total(figures: dict, name: str, **labels: str) -> float:
    """The sum of a figure over the labels that are not given."""
    return sum(
        value for (each, found), value in figures.items() if each == name and labels.items() <= dict(found).items()
    )


def test_the_figures_of_a_fleet_tell_of_line_workers_attempts_and_store(running, gray_jpeg):
    url = running.urls[0]
    addresses = [f"{url}/metrics", *(worker.figures for worker in running.fleet.workers)]
    wait_until(lambda: total(samples(addresses[0]), "colorize_fleet_workers", version="1.4.0") == 2, 20)
    before = [samples(address) for address in addresses]

    def more(name: str, **labels: str) -> tuple[float, float]:
        """How much a figure has grown at the API process, and at both workers together."""
        grown = [
            total(samples(address), name, **labels) - total(each, name, **labels)
            for address, each in zip(addresses, before, strict=True)
        ]
        return grown[0], sum(grown[1:])

    for _ in range(3):
        assert requests.post(f"{url}/colorize", files={"file": gray_jpeg}, timeout=30).status_code == 200
    assert requests.post(f"{url}/colorize", files={"file": gray_jpeg[:20_000]}, timeout=30).status_code == 400
    assert more("colorize_worker_photos_total", outcome="done", version="1.4.0") == (0, 3)
    assert more("colorize_worker_photos_total", outcome="image") == (0, 1)
    assert more("colorize_worker_seconds_count") == more("colorize_worker_attempts_sum") == (0, 4)
    assert more("colorize_store_seconds_count", operation="put") == (4, 3)
    assert more("colorize_queue_seconds_count")[0] == more("colorize_engine_seconds_count")[0] == 3
    assert total(samples(addresses[0]), "colorize_model_loaded") == 1

    job = requests.post(f"{url}/colorize", files={"file": gray(SLOW)}, headers={"Prefer": "respond-async"}, timeout=30)
    assert job.status_code == 202
    first, second = running.fleet.workers
    running.worker(running.wait_for_work()).kill()
    running.release()
    left = second if first.is_dead else first
    attempts = total(samples(left.figures), "colorize_worker_attempts_sum")
    wait_until(lambda: total(samples(left.figures), "colorize_worker_attempts_sum") == attempts + 2, 30)
    wait_until(lambda: total(samples(addresses[0]), "colorize_fleet_workers") == 1, 30)


def test_every_figure_of_a_fleet_is_explained_and_on_the_dashboard(running):
    page = (ROOT / "docs" / "metrics.md").read_text()
    dashboard = (ROOT / "deploy" / "grafana-dashboard.json").read_text()
    (worker, *_) = [worker for worker in running.fleet.workers if not worker.is_dead]
    names = set()
    for address in (f"{running.urls[0]}/metrics", worker.figures):
        text = requests.get(address, timeout=30).text
        names |= {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE colorize_")}
    names = {name for name in names if not name.endswith("_created")}
    assert len(names) >= 16
    for name in names:
        assert name in page and name in dashboard, name
