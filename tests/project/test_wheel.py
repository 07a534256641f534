"""The installed package: built as a wheel and put into environments of its own, far from this folder.

Its dependencies are not fetched again: those of the tests' environment that the wheel asks for are linked there, and no
others. So what it needs and does not ask for is missing, as it would be on a user's machine.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import requests
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import decode
from tests.support.service import ROOT, free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.server]

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, from a copy of the project: a build leaves files behind, and an earlier one's would come in."""
    source, folder = tmp_path_factory.mktemp("source") / "colorize", tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "data")
    shutil.copytree(ROOT, source, ignore=left_out)
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run(command, check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def asked_for(asked: list[str], extra: str) -> set[str]:
    """The names of these requirements' packages, and of all that those ask for."""
    found: set[str] = set()
    waiting = [(Requirement(line), {extra}) for line in asked]
    done = set()
    while waiting:
        requirement, extras = waiting.pop()
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": one}) for one in extras):
            continue
        name, wanted = canonicalize_name(requirement.name), frozenset(requirement.extras or {""})
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        found.add(name)
        waiting += [(Requirement(line), {"", *wanted}) for line in metadata.requires(name) or []]
    return found


def installed(wheel: Path, folder: Path, extra: str) -> Path:
    """The folder of an environment's programs after ``pip install`` of the wheel, with or without an extra."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        (held,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        asked = re.findall(r"^Requires-Dist: (.+)$", archive.read(held).decode(), re.M)
    for name in asked_for(asked, extra):
        distribution = metadata.distribution(name)
        for top in {path.parts[0] for path in distribution.files or []} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
    python = folder / "bin" / "python"
    target = f"{wheel}[{extra}]" if extra else str(wheel)
    subprocess.run([*PIP, f"--python={python}", "install", "--no-index", target], check=True, timeout=120)
    return folder / "bin"


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    return installed(wheel, tmp_path_factory.mktemp("environment"), "")


@pytest.fixture(scope="module")
def server_programs(wheel, tmp_path_factory) -> Path:
    return installed(wheel, tmp_path_factory.mktemp("environment"), "server")


def environment(**settings: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **settings}


def test_the_wheel_holds_the_whole_service_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {
        str(path.relative_to(ROOT))
        for path in (ROOT / "colorize_service").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "colorize_service/py.typed" in held


def test_the_licences_of_all_that_is_in_the_wheel_come_with_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {
            re.sub(r"^[^/]+\.dist-info/licenses/", "", name): archive.read(name).decode("utf-8", "replace")
            for name in archive.namelist()
            if "LICENSE" in name or "NOTICE" in name
        }
        (about,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    assert "License-Expression: Apache-2.0\n" in about and "License-File: NOTICE\n" in about
    assert "Apache License" in held["LICENSE"]
    for folder in ["colorize_service/server/web/docs/swagger-ui", "colorize_service/server/web/static/vendor"]:
        assert folder in held["NOTICE"]
        assert any(name.startswith(f"{folder}/LICENSE") and len(text) > 1000 for name, text in held.items())


def test_the_command_line_brings_no_server_and_no_torch(wheel, programs):
    there = {path.name for path in (programs.parent / "lib").glob("python*/site-packages/*")}
    assert {"click", "colorize_service", "numpy", "simplejpeg"} <= there
    assert not there & {"firebase_admin", "flask", "gunicorn", "pydantic", "torch"}


def test_serve_without_its_extra_says_what_to_install(programs):
    for arguments, status in [([], 1), (["--help"], 0)]:
        run = subprocess.run(
            [programs / "colorize", "serve", *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == status
        said = " ".join((run.stdout + run.stderr).split())
        assert "packages that the command line does not; in the project's folder: pip install '.[server]'" in said
        assert "Traceback" not in said


def test_a_folder_of_50_photos_of_which_3_are_broken_gives_47(programs, tmp_path, gray_jpeg):
    photos = tmp_path / "photos"
    photos.mkdir()
    broken = {7: b"", 23: b"This is a text.", 41: gray_jpeg[: len(gray_jpeg) // 3]}
    for i in range(50):
        (photos / f"{i:02}.jpg").write_bytes(broken.get(i, gray_jpeg))
    done = subprocess.run(
        [programs / "colorize", "photos", "-o", "results"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    *sentences, last = done.stderr.splitlines()
    assert {line[:13] for line in sentences} == {f"photos/{i:02}.jpg" for i in broken}
    assert last.startswith("47 of 50 photos colorized, 3 failed: ")
    results = sorted((tmp_path / "results").iterdir())
    assert [path.name for path in results] == [f"{i:02}-color.jpg" for i in range(50) if i not in broken]
    assert len({path.read_bytes() for path in results}) == 1 and decode(results[0].read_bytes()).shape == (300, 451, 3)


def test_colorize_serve_serves(server_programs, tmp_path, gray_jpeg):
    port = str(free_port())
    log = tmp_path / "log"
    with open(log, "wb") as stream:
        service = subprocess.Popen(
            [server_programs / "colorize", "serve", "--host", "127.0.0.1", "--port", port],
            cwd=tmp_path,
            env=environment(APP_CHECK="off"),
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_until(lambda: b"Loaded ColorizeNet-Lite" in log.read_bytes(), 30, log.read_text)
        answer = requests.post(f"http://127.0.0.1:{port}/colorize", files={"file": gray_jpeg}, timeout=60).json()
        result = requests.get(answer["download_url"], timeout=30).content
    finally:
        service.terminate()
        status = service.wait(timeout=60)
    assert decode(result).shape == (300, 451, 3) and status == 0
    assert list((tmp_path / "data" / "results").rglob("*.jpg"))


def test_the_installed_program_knows_its_version(programs, wheel):
    done = subprocess.run(
        [programs / "colorize", "--version"], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"colorize, version {wheel.name.split('-')[1]}\n"
