"""Figures for Prometheus: an operator can trust what the graphs show, from any worker and under load."""

import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.conftest import encode
from tests.support import needs
from tests.support.figures import samples, value, wait_for_photos
from tests.support.gateway import Nginx
from tests.support.http import NO_SUCH_ID, assert_error, exchange
from tests.support.service import ROOT, Service, free_port, wait_until

WORKERS = 4


@pytest.fixture(scope="module")
def service(running):
    service = running(WORKERS=WORKERS)
    wait_until(lambda: value(service.url, "colorize_model_loaded") == 1, 60, service.log)
    return service


def photo() -> bytes:
    return encode(Image.effect_noise((96, 64), 40), "PNG")


def test_counts_agree_with_the_requests_sent_to_four_workers_under_load(service):
    before = samples(f"{service.url}/metrics")
    calls = ["colorize"] * 60 + ["upload"] * 30 + ["health"] * 60 + ["missing"] * 20 + ["wrong"] * 10

    def call(kind: str) -> int:
        if kind in ("colorize", "upload"):
            response = requests.post(f"{service.url}/{kind}", files={"file": photo()}, timeout=60)
        elif kind == "wrong":
            response = requests.post(f"{service.url}/colorize", timeout=60)
        else:
            path = "health" if kind == "health" else f"results/{NO_SUCH_ID}.jpg"
            response = requests.get(f"{service.url}/{path}", timeout=60)
        return response.status_code

    with ThreadPoolExecutor(16) as clients:
        statuses = list(clients.map(call, calls))
        scrapes = list(clients.map(lambda _: samples(f"{service.url}/metrics"), range(8)))
    assert statuses == [200] * 150 + [404] * 20 + [400] * 10

    def more(name: str, **labels: str) -> float:
        key = name, frozenset(labels.items())
        (now,) = {scrape[key] for scrape in scrapes}  # whichever worker answers
        return now - before.get(key, 0)

    count = "colorize_requests_total"
    assert more(count, method="POST", route="/colorize", status="200") == 60
    assert more(count, method="POST", route="/upload", status="200") == 30
    assert more(count, method="GET", route="/health", status="200") == 60
    assert more(count, method="GET", route="/results/<filename>", status="404") == 20
    assert more(count, method="POST", route="/colorize", status="400") == 10
    assert more("colorize_request_seconds_count", route="/colorize") == 70
    assert more("colorize_request_seconds_bucket", route="/colorize", le="+Inf") == 70
    assert more("colorize_engine_seconds_count") == more("colorize_queue_seconds_count") == 60
    assert more("colorize_engine_seconds_sum") > 0
    assert more("colorize_received_bytes_total") > 90 * len(photo())
    assert value(service.url, "colorize_sent_bytes_total") > 150 * 40


def test_promtool_finds_no_fault(service):
    promtool = needs.program("promtool", package="prometheus")
    requests.post(f"{service.url}/colorize", files={"file": photo()}, timeout=60)
    text = requests.get(f"{service.url}/metrics", timeout=30).content
    check = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert check.returncode == 0 and not check.stderr, check.stderr


def test_the_queue_is_seen_while_photos_wait(serve):
    # A photo of 40 megapixels is long enough in work for others to be seen waiting.
    large = encode(Image.effect_noise((500, 400), 60).resize((8000, 5000)), "JPEG")
    service = serve(WORKERS=1, MAX_IN_WORK=1)

    def queue(name: str) -> float:
        return value(service.url, name, queue="colorize")

    with ThreadPoolExecutor(4) as clients:
        answers = [
            clients.submit(requests.post, f"{service.url}/colorize", files={"file": large}, timeout=120)
            for _ in range(4)
        ]
        wait_for_photos(service, in_work=1, waiting=1)
        assert all(answer.result().status_code == 200 for answer in answers)
    assert queue("colorize_photos_in_work") == queue("colorize_photos_waiting") == 0


def test_a_worker_that_died_is_counted_on_but_holds_no_memory(service):
    url = service.url
    pids = {dict(labels)["pid"] for name, labels in samples(f"{url}/metrics") if name == "colorize_memory_bytes"}
    assert len(pids) == WORKERS
    before = value(url, "colorize_requests_total", method="GET", route="/health", status="200")
    victim = pids.pop()
    os.kill(int(victim), signal.SIGKILL)

    def replaced() -> bool:
        figures = samples(f"{url}/metrics")
        now = {dict(labels)["pid"] for name, labels in figures if name == "colorize_memory_bytes"}
        return len(now) == WORKERS and victim not in now and figures["colorize_model_loaded", frozenset()] == 1

    wait_until(replaced, 60, service.log)
    assert value(url, "colorize_requests_total", method="GET", route="/health", status="200") >= before


def test_memory_is_that_of_the_processes(service):
    for (name, labels), memory in samples(f"{service.url}/metrics").items():
        if name == "colorize_memory_bytes":
            status = Path(f"/proc/{dict(labels)['pid']}/status").read_text()
            resident = int(status.split("VmRSS:")[1].split()[0]) * 1024
            assert memory == pytest.approx(resident, rel=0.3)


def test_words_of_clients_make_no_time_series(service):
    for word in ("BREW", "MAKE"):
        requests.request(word, f"{service.url}/nowhere/{word}", timeout=30)
    text = requests.get(f"{service.url}/metrics", timeout=30).text
    assert "BREW" not in text and "nowhere" not in text
    assert value(service.url, "colorize_requests_total", method="other", route="none", status="404") >= 2


def test_a_port_of_its_own_has_the_figures_and_nothing_else(serve):
    port = free_port()
    service = serve(METRICS_PORT=port, METRICS_PATH="/figures", WORKERS=2, TRUSTED_PROXIES=1)
    own = f"http://127.0.0.1:{port}"
    assert samples(f"{own}/figures")
    assert_error(requests.get(f"{own}/health", timeout=30), 404)
    assert_error(requests.post(f"{own}/upload", files={"file": photo()}, timeout=30), 404)
    claim = {"X-Forwarded-Host": f"example.com:{port}", "X-Forwarded-For": "1.2.3.4", "Host": f"example.com:{port}"}
    assert_error(requests.get(f"{service.url}/figures", headers=claim, timeout=30), 404)


@pytest.mark.parametrize(
    "path",
    [
        *("//metrics", "///metrics", "/%2Fmetrics", "/%2fmetrics", "/metrics/", "/./metrics", "/METRICS", "/%6Detrics"),
        *(
            "/x/../metrics",
            "/health/../metrics",
            "/metrics;x",
            "/metrics%20",
            "/metrics%00",
            "/%2e/metrics",
            "\\metrics",
        ),
        *("http://example.com/metrics", "http://example.com//metrics"),
    ],
)
def test_another_spelling_does_not_pass_a_proxys_rule_for_the_figures(service, path):
    request = f"GET {path} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
    status, _, body = exchange(service.url, request.encode())
    assert status in (400, 404) and b"colorize_" not in body
    assert requests.get(f"{service.url}/metrics?x=1", timeout=30).status_code == 200


def test_the_figures_are_for_this_machine_alone_unless_the_operator_says_otherwise(serve):
    port = free_port()
    service = serve(METRICS_PORT=port, HOST="0.0.0.0", WORKERS=1)
    assert samples(f"http://127.0.0.1:{port}/metrics")
    assert_error(requests.get(f"http://127.0.0.2:{service.port}/metrics", timeout=30), 404)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.2:{port}/metrics", timeout=30)
    os.kill(service.pid, signal.SIGHUP)
    wait_until(lambda: "Hang up: Master" in service.log() and service.log().count("Booting worker") == 2, 20)
    assert samples(f"http://127.0.0.1:{port}/metrics"), "a reload must keep them"


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_a_port_that_cannot_be_had_costs_the_figures_and_not_the_service(serve, host):
    with socket.socket() as other_service:
        other_service.bind(("127.0.0.1", 0))
        other_service.listen()
        service = serve(METRICS_PORT=other_service.getsockname()[1], METRICS_HOST=host)
        answer = requests.post(f"{service.url}/colorize", files={"file": photo()}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert_error(requests.get(f"{service.url}/metrics", timeout=30), 404)
        assert "The figures cannot be read: nobody can listen on" in service.log()


def test_an_operator_can_have_no_figures_at_all(serve):
    assert_error(requests.get(f"{serve(METRICS_PORT=0).url}/metrics", timeout=30), 404)


def test_nginx_keeps_the_figures_from_the_public(service, tmp_path):
    with Nginx(tmp_path, service.port) as nginx:
        assert_error(requests.get(f"{nginx.url}/metrics", timeout=30), 404)


def test_a_stopped_server_leaves_no_figures_behind_and_a_killed_one_no_longer_than_to_the_next_start(serve):
    service = serve(WORKERS=2)
    (killed,) = _folders_of(service)
    service.kill()
    assert killed.exists()
    service.start()
    (own,) = _folders_of(service)
    assert not killed.exists()
    service.stop()
    assert not own.exists()


def test_a_start_leaves_the_figures_of_servers_that_run(service, serve):
    (theirs,) = _folders_of(service)
    serve()
    assert theirs.exists()


def _folders_of(service: Service) -> list[Path]:
    return list(Path("/dev/shm").glob(f"colorize-metrics-{service.pid}-*"))


def test_every_figure_is_explained_and_on_the_dashboard(service):
    text = requests.get(f"{service.url}/metrics", timeout=30).text
    page = (ROOT / "docs" / "metrics.md").read_text()
    dashboard = (ROOT / "deploy" / "grafana-dashboard.json").read_text()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert len(names) >= 10
    for name in names:
        assert name in page and name in dashboard, name
