"""The service with no more than deploy/systemd/ leaves it: system calls, and no memory that is written and then run."""

import re
import socket
import subprocess
import sys

import pytest
import requests

from tests.support import needs
from tests.support.deployment import DEPLOY
from tests.support.service import ROOT, Service

pytestmark = [pytest.mark.server, pytest.mark.slow]

UNIT = (DEPLOY / "systemd" / "colorize-api.service").read_text()

# PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN and PR_SET_NO_NEW_PRIVS of linux/prctl.h, then the command.
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


def test_photos_are_colorized_within_the_limits_of_the_unit(tmp_path):
    assert "MemoryDenyWriteExecute=yes" in UNIT
    allowed = calls("@default")  # which systemd adds by itself
    for groups in re.findall(r"^SystemCallFilter=(.+)$", UNIT, re.M):
        named = calls(groups.removeprefix("~"))
        allowed = allowed - named if groups.startswith("~") else allowed | named
    assert "read" in allowed and "mount" not in allowed
    # Whatever else is called fails, and is written down. As a child, so that signals reach the service itself.
    others = "!" + ",".join(f"?{name}" for name in sorted(allowed))
    strace = needs.program("strace", package="strace")
    seen = tmp_path / "calls"
    service = Service(tmp_path, NOTIFY_SOCKET=f"{tmp_path}/notify")
    service.wrapper = [
        *(strace, "-D", "-f", "--seccomp-bpf", "-qq", "-o", str(seen)),
        *("-esignal=none", f"-etrace={others}", f"-einject={others}:error=EPERM"),
        *(sys.executable, "-c", CONFINED),
    ]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{tmp_path}/notify")
        manager.settimeout(10)
        with service:
            assert b"READY=1" in manager.recv(4096)  # for Type=notify
            photo = (ROOT / "examples" / "camera.jpg").read_bytes()
            assert requests.post(f"{service.url}/colorize", files={"file": photo}, timeout=60).status_code == 200
            assert "no MDWE" not in service.log()
    assert seen.read_text() == ""
