"""deploy/systemd/, by systemd's own programs, without a running systemd."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import needs
from tests.support.deployment import DEPLOY, seconds, settings_of, unknown
from tests.support.deployment import env_file as variables

UNITS = DEPLOY / "systemd"
SERVICES = ["colorize-api.service", "colorize-worker@.service", "colorize-clean.service"]
EXAMPLE = variables("systemd/colorize.env.example")
# Where the units expect the project.
HOME = Path("/opt/colorize")

#: Of `systemd-analyze security`, from 0 to 10: 1.2 now, of which 0.5 is for the network.
MOST_EXPOSED = 1.5


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = needs.program("systemd-analyze", package="systemd")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def values(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.M)


@pytest.fixture
def root(tmp_path) -> Path:
    """A file system with the units, and with programs where they expect some."""
    needs.program("systemd-analyze", package="systemd")
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in UNITS.glob("colorize-*"):
        shutil.copy(unit, units)
    overrides = units / "colorize-worker@.service.d"
    overrides.mkdir()
    shutil.copy(UNITS / "gpu.conf", overrides)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for name in ("gunicorn", "python"):
        program = tmp_path / HOME.relative_to("/") / ".venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return tmp_path


def verified(root: Path) -> subprocess.CompletedProcess[str]:
    names = ["colorize-api.service", "colorize-worker@1.service", "colorize-clean.service", "colorize-clean.timer"]
    return analyze("verify", f"--root={root}", "--man=no", *names, "colorize-workers.target")


def test_systemd_takes_every_unit_without_a_word(root):
    run = verified(root)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_a_word_that_systemd_does_not_know_would_be_noticed(root):
    with open(root / "etc/systemd/system/colorize-api.service", "a") as unit:
        unit.write("\n[Service]\nProtectSytem=strict\n")
    assert "ProtectSytem" in verified(root).stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_that_is_broken_into_reaches_little(unit):
    run = analyze("security", "--offline=true", "--no-pager", f"--threshold={int(MOST_EXPOSED * 10)}", UNITS / unit)
    assert run.returncode == 0, run.stdout
    for name in ("MemoryMax", "TasksMax", "DynamicUser", "SystemCallFilter"):
        assert values(unit, name), name
    assert values(unit, "ProtectSystem") == ["strict"] and values(unit, "CapabilityBoundingSet") == [""]


def test_programs_are_there_when_the_project_is_installed_as_the_units_have_it():
    starts = [start for unit in SERVICES for start in values(unit, "ExecStart")]
    assert {start.split()[0] for start in starts} == {f"{HOME}/.venv/bin/{name}" for name in ("gunicorn", "python")}
    assert [" ".join(start.split()[1:]) for start in starts] == [
        "",
        "-m colorize_service.cli worker",
        "-m colorize_service.cli clean",
    ]


def test_the_example_of_the_environment_starts_every_kind(monkeypatch, tmp_path):
    assert not unknown(EXAMPLE)
    for worker in (False, True):
        settings = settings_of(EXAMPLE | {"STORAGE_DIR": str(tmp_path)}, monkeypatch, worker)
        assert settings.storage_url and settings.broker and settings.retention_days
    for unit in SERVICES:
        pairs = dict(pair.split("=") for line in values(unit, "Environment") for pair in line.split())
        assert not unknown(pairs) - {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
        assert Path(pairs["STORAGE_DIR"]).name in values(unit, "StateDirectory")


def test_a_unit_that_stops_finishes_its_photos(monkeypatch, tmp_path):
    settings = settings_of(EXAMPLE | {"STORAGE_DIR": str(tmp_path)}, monkeypatch)
    assert settings.graceful_timeout > settings.queue_timeout + settings.work_timeout
    (api,), (worker,) = (values(unit, "TimeoutStopSec") for unit in SERVICES[:2])
    assert seconds(api) > settings.graceful_timeout and seconds(worker) > settings.work_timeout
