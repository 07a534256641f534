"""The Dockerfile, as far as it can be judged without a Docker engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout


def test_everything_that_is_copied_is_there_and_reaches_the_engine():
    sources = [name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M) for name in line.split()[:-1]]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"wsgi.py", "gunicorn.conf.py", "colorize_service", "requirements.txt"} == set(sources)
    for name in sources:
        assert (ROOT / name).exists() and f"!{name}" in allowed


@pytest.mark.parametrize(("variant", "runtime"), [("cpu", ["onnxruntime"]), ("cuda", ["onnxruntime-gpu[cuda,cudnn]"])])
def test_each_variant_installs_one_onnx_runtime_that_fits_it(tmp_path, variant, runtime):
    (tmp_path / "requirements.txt").write_text((ROOT / "requirements.txt").read_text())
    script = (
        re.search(r"^RUN (case .*?esac)", DOCKERFILE, re.M | re.S)[1]
        .replace("\\\n", "")
        .replace("/build/", f"{tmp_path}/")
    )
    subprocess.run(["sh", "-euc", script], env={"VARIANT": variant, "PATH": "/usr/bin:/bin"}, check=True, timeout=10)
    lines = [line for line in (tmp_path / "requirements.txt").read_text().splitlines() if line.startswith("onnx")]
    chosen = [line.split("==")[0] for line in lines if 'sys_platform != "linux"' not in line]
    assert chosen == runtime
