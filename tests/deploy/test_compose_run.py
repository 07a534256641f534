"""deploy/compose.yaml without a Docker engine: its own commands and environments, by programs of this machine."""

import io
import os
import re
import subprocess
import sys
from contextlib import ExitStack

import pytest
import requests
from PIL import Image

from tests.support.containers import SeaweedFS, Valkey
from tests.support.deployment import DEPLOY, documents, interpolated
from tests.support.fleet import Worker
from tests.support.gateway import Nginx
from tests.support.service import ROOT, Service

pytestmark = [pytest.mark.server, pytest.mark.slow]

SECRETS = {"BROKER_PASSWORD": "b" * 48, "AWS_ACCESS_KEY_ID": "k" * 24, "AWS_SECRET_ACCESS_KEY": "s" * 48}
(COMPOSE,) = documents("compose.yaml")
SERVICES = interpolated(COMPOSE, SECRETS | {"APP_CHECK": "off", "RETENTION_DAYS": "30"})["services"]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """The address of nginx, and the environment of the workers."""
    with ExitStack() as stack:
        folders = {name: tmp_path_factory.mktemp(name) for name in SERVICES}
        broker = stack.enter_context(Valkey(SERVICES["valkey"], folders["valkey"]))
        store = stack.enter_context(SeaweedFS(SERVICES["storage"], folders["storage"]))
        places = {
            "BROKER_URL": broker.url,
            "AWS_ENDPOINT": store.url,
            "METRICS_HOST": "127.0.0.1",
            "ONNX_THREADS": 1,
        }
        environment = {name: str(value) for name, value in (SERVICES["clean"]["environment"] | places).items()}
        environment["STORAGE_DIR"] = str(folders["clean"])
        made = run(SERVICES["bucket"]["command"], environment)
        assert made.returncode == 0, made.stderr
        worker = Worker(folders["worker1"], **SERVICES["worker1"]["environment"] | places).start()
        stack.callback(worker.kill)
        services = [
            stack.enter_context(Service(folders[name], **SERVICES[name]["environment"] | places))
            for name in ("api1", "api2")
        ]
        nginx = stack.enter_context(Nginx(folders["nginx"], *(service.port for service in services)))
        yield nginx.url, environment, worker


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, *command[1:]]
    inherited = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        program, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_photos_are_colorized_by_the_fleet_of_the_file_whichever_process_answers(fleet):
    url, *_ = fleet
    photo = (ROOT / "examples" / "camera.jpg").read_bytes()
    for _ in range(4):
        answer = requests.post(f"{url}/colorize", files={"file": photo}, timeout=60)
        assert answer.status_code == 200, answer.text
        result = requests.get(answer.json()["download_url"], timeout=60)
        assert Image.open(io.BytesIO(result.content)).mode == "RGB"


def test_the_clean_up_reaches_the_store(fleet):
    _, environment, _ = fleet
    (command,) = re.findall(r"python -m [\w.]+ \w+", SERVICES["clean"]["command"][-1])
    cleaned = run(command.split(), environment)
    assert cleaned.returncode == 0 and cleaned.stdout.startswith("Deleted 0 uploads, 0 results"), cleaned


def test_the_probe_of_a_worker_says_whether_it_takes_photos(fleet):
    _, environment, worker = fleet
    (probe,) = [service["healthcheck"]["test"][1:] for name, service in SERVICES.items() if name == "worker1"]
    assert run(probe, environment).returncode == 0
    worker.stop()
    gone = run(probe, environment)
    assert gone.returncode == 1 and "ready; 0 elsewhere" in gone.stderr
    away = run(probe, environment | {"BROKER_URL": "redis://127.0.0.1:1"})
    assert away.returncode == 1 and "Traceback" not in away.stderr


def test_nginx_shares_the_photos_among_both_processes(tmp_path):
    script = SERVICES["nginx"]["command"][0]
    script = script.replace("/etc/colorize/nginx.conf", str(DEPLOY / "nginx.conf")).replace(
        "/etc/nginx/conf.d/colorize.conf", str(tmp_path / "site.conf")
    )
    subprocess.run(["sh", "-ec", script.replace("exec nginx", ": ")], check=True, timeout=10)
    site = (tmp_path / "site.conf").read_text()
    (upstream,) = re.findall(r"upstream colorize \{(.*?)\}", site, re.S)
    assert re.findall(r"server (\S+) resolve;", upstream) == ["api1:7860", "api2:7860"] and "127.0.0.1:" not in site
