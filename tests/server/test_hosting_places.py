"""Where the service lives: cleaned temporary folders, a read-only root, users without a name."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.figures import value
from tests.support.service import ROOT, free_port, wait_until


def test_a_cleaned_temporary_folder_costs_neither_figures_nor_service(serve):
    service = serve(WORKERS=2)
    for _ in range(10):
        requests.get(f"{service.url}/nothing", timeout=30)
    for _ in range(2):
        for path in service.folder.iterdir():
            if path not in (service.storage, service.log_path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert value(service.url, "colorize_requests_total", method="GET", route="none", status="404") == 10
        _kill_a_worker(service.pid)
        wait_until(lambda: value(service.url, "colorize_model_loaded") == 1, 60, service.log)


def test_figures_that_have_gone_are_counted_anew_and_cost_no_service(serve):
    service = serve()
    (folder,) = Path("/dev/shm").glob(f"colorize-metrics-{service.pid}-*")
    shutil.rmtree(folder)
    assert requests.get(f"{service.url}/metrics", timeout=30).status_code == 200
    shutil.rmtree(folder, ignore_errors=True)
    _kill_a_worker(service.pid)
    wait_until(lambda: _status(f"{service.url}/health") == 200, 60, service.log)
    figures = f"{service.url}/metrics"
    wait_until(lambda: b"colorize_model_loaded 1.0" in requests.get(figures, timeout=30).content, 60, service.log)
    service.stop()
    assert not folder.exists()


def test_figures_counted_anew_are_not_taken_for_those_of_a_dead_service_by_one_that_starts(serve):
    service = serve()
    (folder,) = Path("/dev/shm").glob(f"colorize-metrics-{service.pid}-*")
    shutil.rmtree(folder)
    _kill_a_worker(service.pid)
    wait_until(lambda: value(service.url, "colorize_model_loaded") == 1, 60, service.log)
    serve()
    assert value(service.url, "colorize_model_loaded") == 1


def test_a_temporary_folder_that_is_full_costs_neither_figures_nor_service(small_disk, tmp_path, serve):
    with contextlib.suppress(OSError):
        (small_disk / "filler").write_bytes(bytes(2_000_000))
    service = serve(STORAGE_DIR=tmp_path / "pictures", TMPDIR=small_disk)
    assert requests.get(f"{service.url}/nothing", timeout=30).status_code == 404
    _kill_a_worker(service.pid)
    wait_until(lambda: _status(f"{service.url}/health") == 200, 30, service.log)
    assert value(service.url, "colorize_requests_total", method="GET", route="none", status="404") == 1


def _kill_a_worker(master: int) -> None:
    worker = psutil.Process(master).children()[0]
    worker.send_signal(signal.SIGKILL)
    worker.wait(20)


def _status(url: str) -> int | None:
    try:
        return requests.get(url, timeout=30).status_code
    except requests.RequestException:
        return None


# All that is mounted is read-only, but for the storage (and, by argument, /dev/shm); the user is one without a name.
# The storage is mounted where any user may pass; the folder of the tests is for root alone.
_CONFINED = """
set -e
mount --bind "$STORED" /mnt
for place in $(findmnt -rno TARGET | sort -r); do
    case "$place" in
        /mnt | /proc* | /sys* | $WRITABLE) ;;
        *) mount -o remount,bind,ro "$place" || true ;;
    esac
done
cd "$ROOT"
for place in . /tmp; do
    if touch "$place/.written" 2>/dev/null; then exit 1; fi
done
# The checkout may lie where only its owner may look: the user can read everything, and write nothing of others.
exec setpriv --reuid=54321 --regid=54321 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
"""


@pytest.mark.server
@pytest.mark.parametrize("writable", ["/dev/shm", "nothing"])
def test_a_writable_storage_is_enough(tmp_path, writable, gray_jpeg):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("the right to make a mount namespace is missing")
    storage = tmp_path / "storage"
    storage.mkdir()
    storage.chmod(0o777)
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": port, "METRICS_PORT": port, "STORAGE_DIR": "/mnt", "APP_CHECK": "off"}
    settings |= {"STORED": storage, "ROOT": ROOT, "WRITABLE": writable, "PATH": os.environ["PATH"]}
    command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", _CONFINED, "bash"]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, sys.executable, "-B", "-m", "gunicorn"],
            env={name: str(value) for name, value in settings.items()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _status(f"{url}/health") == 200, 60, (tmp_path / "log").read_text)
        _kill_a_worker(process.pid)
        wait_until(lambda: _status(f"{url}/health") == 200, 60, (tmp_path / "log").read_text)
        answer = requests.post(f"{url}/colorize", files={"file": gray_jpeg}, timeout=60)
        assert requests.get(answer.json()["download_url"], timeout=30).status_code == 200
        assert value(url, "colorize_requests_total", method="POST", route="/colorize", status="200") == 1
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    assert {path.name for path in storage.iterdir()} == {".secret", ".tmp", "results"}, "something is left behind"
