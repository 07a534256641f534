"""What `make lock` writes: that it holds all that pyproject.toml asks for, and nothing loose."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.locks import LOCKS, entries, requirements
from tests.support.service import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXCLUDED = set(PROJECT["tool"]["uv"]["exclude-dependencies"])
MACHINES = [
    {
        "sys_platform": platform,
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    for platform, machine in [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
    for python in ["3.11", "3.12", "3.13", "3.14"]
]


def group(name: str) -> list[str]:
    """The requirements of a dependency group, those of the groups in it among them."""
    found = []
    for entry in PROJECT["dependency-groups"][name]:
        found += group(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


BARE = PROJECT["project"]["dependencies"]
SERVER = BARE + PROJECT["project"]["optional-dependencies"]["server"]
FLEET = SERVER + PROJECT["project"]["optional-dependencies"]["fleet"]
ASKED = {
    "requirements.txt": SERVER,
    "tests/requirements.txt": FLEET + group("test"),
    "tests/requirements-check.txt": FLEET + group("check"),
    "export/requirements.txt": BARE + group("export"),
    "training/requirements.txt": BARE + group("training"),
    "benchmarks/requirements.txt": BARE + group("bench"),
}


@pytest.mark.parametrize("lock", ASKED)
def test_what_pyproject_asks_for_is_locked_on_every_platform(lock):
    locked = requirements(ROOT / lock)
    for machine in MACHINES:
        here = {
            requirement.name: str(requirement.specifier).removeprefix("==")
            for requirement in locked
            if requirement.marker is None or requirement.marker.evaluate(machine)
        }
        for asked in map(Requirement, ASKED[lock]):
            name = canonicalize_name(asked.name)
            if name not in EXCLUDED and (asked.marker is None or asked.marker.evaluate(machine)):
                assert asked.specifier.contains(here[name]), f"{asked} in pyproject.toml, {here[name]} in {lock}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_one_version_and_hashes_and_torch_is_none_of_them(lock):
    for entry, hashes in entries(ROOT / lock).items():
        assert re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.!]+( ; .+)?", entry), entry
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), entry
    assert not EXCLUDED & {requirement.name for requirement in requirements(ROOT / lock)}


def test_tested_versions_are_those_that_are_installed_elsewhere():
    tested = {one.name: str(one.specifier) for one in requirements(ROOT / "tests/requirements.txt")}
    for lock in LOCKS:
        locked = {one.name: str(one.specifier) for one in requirements(ROOT / lock)}
        assert {name: tested[name] for name in locked if name in tested} == {
            name: version for name, version in locked.items() if name in tested
        }, lock
        others = {name for name in locked if name not in tested and not name.startswith("nvidia-")}
        assert not others or lock == "benchmarks/requirements.txt", f"{others} in {lock}"


def test_torch_has_the_version_that_the_groups_allow():
    (line,) = [line for line in (ROOT / "requirements-torch.txt").read_text().splitlines() if not line.startswith("#")]
    for name in ["export", "training"]:
        (asked,) = [one for one in map(Requirement, group(name)) if one.name == "torch"]
        assert asked.specifier.contains(line.removeprefix("torch=="))


def test_the_locks_name_no_host_and_no_folder_of_the_machine_that_wrote_them():
    for lock in [*LOCKS, "requirements-torch.txt"]:
        text = (ROOT / lock).read_text()
        assert not re.search(r"://|--(extra-)?index-url|--find-links|(^|\s)/\w", text), lock
