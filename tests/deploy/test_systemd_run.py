"""API and worker with no more than deploy/systemd/ leaves them: system calls, and no memory written and then run."""

import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from tests.support import needs
from tests.support.brokers import RedisServer
from tests.support.containers import Running
from tests.support.deployment import DEPLOY
from tests.support.service import ROOT, Service

pytestmark = [pytest.mark.server, pytest.mark.slow]

# PR_SET_NO_NEW_PRIVS, then PR_SET_MDWE and PR_MDWE_REFUSE_EXEC_GAIN of linux/prctl.h, then the command.
CONFINED = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
if libc.prctl(65, 1, 0, 0, 0):
    print("no MDWE in this kernel", file=sys.stderr)
os.execv(sys.argv[1], sys.argv[1:])
"""


def calls(group: str) -> set[str]:
    """The system calls of a group of systemd's."""
    program = needs.program("systemd-analyze", package="systemd")
    text = subprocess.run([program, "syscall-filter", group], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^\s+([@\w-]+)$", text, re.M)
    return set().union(*(calls(name) if name.startswith("@") else {name} for name in names))


def confined(unit: str, seen: Path) -> Sequence[str]:
    """What runs a command as the unit does: each system call that it filters fails, and is written down."""
    text = (DEPLOY / "systemd" / unit).read_text()
    assert "\nMemoryDenyWriteExecute=yes\n" in text
    allowed = calls("@default")  # which systemd adds by itself
    for groups in re.findall(r"^SystemCallFilter=(.+)$", text, re.M):
        named = calls(groups.removeprefix("~"))
        allowed = allowed - named if groups.startswith("~") else allowed | named
    assert "read" in allowed and "mount" not in allowed
    others = "!" + ",".join(f"?{name}" for name in sorted(allowed))
    strace = needs.program("strace", package="strace")
    # -D: as a child of the command, so that signals reach that.
    options = ["-D", "-f", "--seccomp-bpf", "-qq", "-o", str(seen), "-esignal=none"]
    return [strace, *options, f"-etrace={others}", f"-einject={others}:error=EPERM", sys.executable, "-c", CONFINED]


def colorized(service: Service) -> bool:
    photo = (ROOT / "examples" / "camera.jpg").read_bytes()
    return requests.post(f"{service.url}/colorize", files={"file": photo}, timeout=60).status_code == 200


def test_the_service_works_within_the_limits_of_its_unit(tmp_path):
    seen = tmp_path / "calls"
    service = Service(tmp_path, NOTIFY_SOCKET=f"{tmp_path}/notify")
    service.wrapper = confined("colorize-api.service", seen)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{tmp_path}/notify")
        manager.settimeout(10)
        with service:
            assert b"READY=1" in manager.recv(4096)  # for Type=notify
            assert colorized(service)
            assert "no MDWE" not in service.log()
    assert seen.read_text() == ""


def test_a_worker_works_within_the_limits_of_its_unit(tmp_path):
    seen, log = tmp_path / "calls", tmp_path / "server.log"
    with RedisServer(tmp_path) as broker:
        common = {"BROKER_URL": broker.url, "STORAGE_DIR": f"{tmp_path}/store", "METRICS_PORT": "0"}
        command = [*confined("colorize-worker@.service", seen), sys.executable, "-m", "colorize_service.cli", "worker"]
        worker = Running(command, ROOT, lambda: "Ready: takes" in log.read_text(), **common)
        worker.log_path = log
        with worker, Service(tmp_path, **common | {"METRICS_PORT": 0}) as service:
            assert colorized(service)
        assert "no MDWE" not in log.read_text()
    assert seen.read_text() == ""


def test_a_call_that_the_unit_does_not_allow_would_be_noticed(tmp_path):
    seen = tmp_path / "calls"
    command = [*confined("colorize-api.service", seen), sys.executable, "-c", "import os; os.chroot('/')"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "PermissionError" in run.stderr
    assert "chroot" in seen.read_text()
