"""The files that `make lock` writes."""

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = [
    "requirements.txt",
    "tests/requirements.txt",
    "tests/requirements-check.txt",
    "export/requirements.txt",
    "training/requirements.txt",
    "benchmarks/requirements.txt",
    "deploy/requirements-cpu.txt",
    "deploy/requirements-cuda.txt",
]


def entries(path: Path) -> dict[str, list[str]]:
    """``{requirement: its hashes}``, as ``{"click==8.5.1": ["sha256:…", …]}``."""
    lines = [line.split("#")[0].split() for line in path.read_text().replace("\\\n", " ").splitlines()]
    parts = [" ".join(line).split(" --hash=") for line in lines if line]
    return {requirement: hashes for requirement, *hashes in parts}


def requirements(path: Path) -> list[Requirement]:
    """The requirements of a lock, with their names in the one way that packaging writes them."""
    found = [Requirement(entry) for entry in entries(path)]
    for requirement in found:
        requirement.name = canonicalize_name(requirement.name)
    return found
