"""Where the service lives: cleaned temporary folders, a read-only root, users without a name, balancers in front."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
import requests

from tests.support.service import ROOT, Service, free_port, wait_until


def test_a_cleaned_temporary_folder_costs_neither_figures_nor_service(serve):
    service = serve()
    (folder,) = service.folder.glob("colorize-metrics-*")
    shutil.rmtree(folder)
    assert requests.get(f"{service.url}/metrics", timeout=5).status_code == 200
    shutil.rmtree(folder, ignore_errors=True)
    (worker,) = psutil.Process(service.pid).children()
    worker.send_signal(signal.SIGKILL)
    worker.wait(20)
    wait_until(lambda: _status(f"{service.url}/health") == 200, 60, service.log)
    assert b"colorize_model_loaded 1.0" in requests.get(f"{service.url}/metrics", timeout=5).content


def _status(url: str) -> int | None:
    try:
        return requests.get(url, timeout=5).status_code
    except requests.ConnectionError:
        return None


# All that is mounted is read-only, but for the storage (and, by argument, /dev/shm); the user is one without a name.
_CONFINED = """
set -e
mount --bind "$STORAGE_DIR" "$STORAGE_DIR"
for place in $(findmnt -rno TARGET | sort -r); do
    case "$place" in
        "$STORAGE_DIR" | /proc* | /sys* | $WRITABLE) ;;
        *) mount -o remount,bind,ro "$place" || true ;;
    esac
done
cd "$ROOT"
# The checkout may lie where only its owner may look: the user can read everything, and write nothing of others.
exec setpriv --reuid=54321 --regid=54321 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
"""


@pytest.mark.parametrize("writable", ["/dev/shm", "nothing"])
def test_a_writable_storage_is_enough(tmp_path, writable, gray_jpeg):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("the right to make a mount namespace is missing")
    storage = tmp_path / "storage"
    storage.mkdir()
    storage.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)  # access(2) does not heed capabilities
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": port, "METRICS_PORT": port, "STORAGE_DIR": storage, "APP_CHECK": "off"}
    settings |= {"ROOT": ROOT, "WRITABLE": writable, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": 1}
    command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", _CONFINED, "bash"]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, sys.executable, "-m", "gunicorn"],
            env={name: str(value) for name, value in settings.items()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _status(f"{url}/health") == 200, 60, (tmp_path / "log").read_text)
        answer = requests.post(f"{url}/colorize", files={"file": gray_jpeg}, timeout=60)
        assert requests.get(answer.json()["download_url"], timeout=5).status_code == 200
        assert requests.get(f"{url}/metrics", timeout=5).status_code == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    assert {path.name for path in storage.iterdir()} == {".tmp", "results"}, "something is left behind"


def test_an_idle_connection_is_kept_as_long_as_the_operator_says(serve):
    service = serve(KEEPALIVE=3)
    with _connected(service) as connection:
        connected = connection.sock
        time.sleep(1.5)
        assert _ask(connection) == 200 and connection.sock is connected
        wait_until(lambda: service.connections == 0, 10)


def test_idle_connections_leave_the_threads_to_others(serve):
    service = serve(THREADS=2)
    with contextlib.ExitStack() as idle:
        for _ in range(20):
            idle.enter_context(_connected(service))
        assert requests.get(f"{service.url}/health", timeout=2).status_code == 200
        assert service.connections >= 20


@contextlib.contextmanager
def _connected(service: Service) -> Iterator[http.client.HTTPConnection]:
    """A connection that has asked once and is idle."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
        assert _ask(connection) == 200
        yield connection


def _ask(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/health")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status
