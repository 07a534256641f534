"""What tests need: the markers that say so, given by what a test uses, and programs that may be missing."""

import functools
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

#: Markers and what they say of a test. ``-m "not NAME"`` leaves such tests out, and does not even import their modules.
MARKERS = {
    "server": "starts the service, or another server, as a process of its own",
    "browser": "needs Chromium and Playwright",
    "torch": "needs torch and what the exporter and the training need beside it",
    "generators": "needs the generators of API clients",
    "slow": "takes seconds for a reason of its own",
    "timed": "holds the time that a client waits against a limit",
}
_FIXTURES = {
    "server": {"api", "bucket_server", "keys", "redis", "running", "serve"},
    "browser": {"browser"},
    "torch": {"colorizenet_checkpoint"},
}
_FOLDERS = {"web": {"browser", "server"}, "export": {"torch"}, "training": {"torch"}}
#: Files whose tests are timed.
TIMED = {"test_app_check_keys.py", "test_faults.py", "test_limits.py", "test_limits_photos.py", "test_slow_clients.py"}
# What a module imports at its head.
_IMPORTS = {
    "server": r"boto3|moto|schemathesis|openapi_spec_validator|tests\.support\.(documented|brokers|fleet)",
    "browser": "playwright|axe_playwright_python|tests.support.browser",
    "torch": "torch|diffusers|transformers|export|training|"
    r"tests\.support\.checkpoints|tests\.support\.open_clip_text|tests\.support\.reference",
}


@functools.cache
def markers_of_path(path: Path) -> set[str]:
    """The markers of all tests in a folder or module, without importing it."""
    if path.is_dir():
        return _FOLDERS.get(path.name, set())
    source = path.read_text()
    imported = {
        name for name, modules in _IMPORTS.items() if re.search(rf"^(from|import) ({modules})\b", source, re.MULTILINE)
    }
    timed = {"timed"} if path.name in TIMED else set()
    return imported | timed | _FOLDERS.get(path.parent.name, set())


def markers_of_fixtures(fixtures: Iterable[str]) -> set[str]:
    """The markers of a test that uses these fixtures, directly or through others."""
    return {name for name, needing in _FIXTURES.items() if needing & set(fixtures)}


def left_out(markers: Iterable[str], expression: str) -> bool:
    """Whether the expression of pytest's ``-m`` leaves out what has these markers."""
    return any(re.search(rf"\bnot {name}\b", expression) for name in markers)


def program(name: str, *others: str, package: str) -> str:
    """The path of a program: the first of the names that is found. Without it the test cannot run, see :func:`missing`.

    Args:
        package: how Debian calls the package that brings it.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    for each in (name, *others):
        if found := shutil.which(each, path=path):
            return found
    return missing(f"{name} is missing; on Debian: apt-get install {package}")


def missing(reason: str) -> NoReturn:
    """End the test that lacks something: skipped where a person works, failed in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
