"""The installed package: built as a wheel and put into an environment of its own, far from this folder.

Its dependencies are not installed again: the environment sees those of the tests', and pip checks that they are what
the wheel asks for.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import requests

from tests.conftest import decode
from tests.support.service import ROOT, free_port, wait_until

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


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """The folder of an environment's programs after ``pip install`` of the wheel."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=60)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = environment / "bin" / "python"
    subprocess.run([*PIP, f"--python={python}", "install", "--no-index", wheel], check=True, timeout=120)
    return environment / "bin"


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
    )
    assert done.returncode == 1
    *sentences, last = done.stderr.splitlines()
    assert {line[:13] for line in sentences} == {f"photos/{i:02}.jpg" for i in broken}
    assert last.startswith("47 of 50 photos colorized, 3 failed: ")
    results = sorted((tmp_path / "results").iterdir())
    assert [path.name for path in results] == [f"{i:02}-color.jpg" for i in range(50) if i not in broken]
    assert len({path.read_bytes() for path in results}) == 1 and decode(results[0].read_bytes()).shape == (300, 451, 3)


def test_colorize_serve_serves(programs, tmp_path, gray_jpeg):
    port = str(free_port())
    log = tmp_path / "log"
    with open(log, "wb") as stream:
        service = subprocess.Popen(
            [programs / "colorize", "serve", "--host", "127.0.0.1", "--port", port],
            cwd=tmp_path,
            env=environment(APP_CHECK="off"),
            stdout=stream,
            stderr=stream,
        )
    try:
        wait_until(lambda: b"Loaded ColorizeNet-Lite" in log.read_bytes(), 30, log.read_text)
        answer = requests.post(f"http://127.0.0.1:{port}/colorize", files={"file": gray_jpeg}, timeout=60).json()
        result = requests.get(answer["download_url"], timeout=10).content
    finally:
        service.terminate()
        status = service.wait(timeout=60)
    assert decode(result).shape == (300, 451, 3) and status == 0
    assert list((tmp_path / "data" / "results").rglob("*.jpg"))


def test_the_installed_program_knows_its_version(programs, wheel):
    done = subprocess.run(
        [programs / "colorize", "--version"], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"colorize, version {wheel.name.split('-')[1]}\n"
