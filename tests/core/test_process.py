"""The process: how many cores it takes, how many heaps, and what it keeps out of the log."""

import contextlib
import ctypes
import io
import os
import platform
import subprocess
import sys

import pytest
from PIL import Image, TiffImagePlugin

from colorize_service import process
from tests.support.pictures.files import save, scene
from tests.support.service import ROOT

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt and malloc_info")


def child(code: str, data: bytes = b"") -> subprocess.CompletedProcess:
    """Run Python code in a process of its own, with ``data`` on its standard input."""
    done = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done


# --- cores -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """``machine(cpus, quota)``: so many cores, and a container whose kernel tells this CPU quota, or none."""

    def make(cpus: int, quota: str | None) -> None:
        file = tmp_path / "cpu.max"
        if quota is not None:
            file.write_text(quota)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cpus)), raising=False)
        monkeypatch.setattr(process, "CPU_QUOTA", file)

    return make


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("150000 100000\n", 2),
        ("400000 100000\n", 4),
        ("100000 50000\n", 2),
        ("10000 100000\n", 1),
        ("3200000 100000\n", 16),
        ("max 100000\n", 16),
        ("", 16),
        ("-\n", 16),
        ("many 100000\n", 16),
        (None, 16),
    ],
)
def test_a_container_gets_no_more_threads_than_its_quota_pays_for(machine, quota, cores):
    machine(16, quota)
    assert process.available_cpus() == cores


def test_a_quota_that_cannot_be_read_leaves_the_cores_of_the_affinity(machine, monkeypatch, tmp_path):
    machine(3, None)
    monkeypatch.setattr(process, "CPU_QUOTA", tmp_path)  # a folder
    assert process.available_cpus() == 3


def test_the_quota_is_read_where_the_kernel_writes_it():
    assert str(process.CPU_QUOTA) == "/sys/fs/cgroup/cpu.max"


# --- memory ----------------------------------------------------------------------------------------------------------

HEAPS = """
import ctypes, os, threading
from colorize_service.process import prepare_process

if {prepared}:
    prepare_process()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
all_there = threading.Barrier(8)

def allocate():
    all_there.wait()
    libc.malloc(ctypes.c_size_t(1000))
    all_there.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
reading, writing = os.pipe()
stream = ctypes.c_void_p(libc.fdopen(writing, b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
print(os.fdopen(reading).read().count("<heap "))
"""


@on_glibc
def test_all_threads_share_one_heap_so_that_memory_does_not_grow_with_their_number():
    unprepared, prepared = (int(child(HEAPS.format(prepared=prepared)).stdout) for prepared in (False, True))
    assert unprepared > 1, "glibc would share one heap anyhow: this test shows nothing"
    assert prepared == 1


MALLINFO = """
import ctypes
from colorize_service.process import prepare_process

class Numbers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd u f uord ford keep".split()]

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.mallinfo2.restype = ctypes.c_void_p, Numbers
"""


@on_glibc
def test_a_photos_planes_come_from_the_heap_and_not_each_time_from_the_kernel():
    """mallinfo2(3): ``hblks``, its fourth number, counts what is mapped for itself alone."""
    code = """
if {prepared}:
    prepare_process()
before = libc.mallinfo2().hblks
plane = libc.malloc(ctypes.c_size_t(20 * 2**20))
print(libc.mallinfo2().hblks - before)
"""
    mapped = [int(child(MALLINFO + code.format(prepared=prepared)).stdout) for prepared in (False, True)]
    assert mapped == [1, 0]


@on_glibc
def test_the_heap_that_photos_have_used_is_kept_for_the_next_up_to_a_limit():
    """mallinfo2(3): ``arena``, its first number, counts the bytes that the heap has from the kernel."""
    code = """
prepare_process()
planes = [libc.malloc(ctypes.c_size_t(20 * 2**20)) for _ in range({planes})]
for plane in reversed(planes):
    libc.free(ctypes.c_void_p(plane))
print(libc.mallinfo2().arena)
"""
    five, eight = (int(child(MALLINFO + code.format(planes=planes)).stdout) for planes in (5, 8))
    assert five > 100 * 2**20 > eight


def test_a_c_library_without_mallopt_is_no_reason_not_to_start(monkeypatch):
    monkeypatch.setattr(process.ctypes, "CDLL", lambda *_: object())
    process.prepare_process()


# --- photos in work --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cores", "photos", "crowded"),
    [(1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True), (4, 2, False), (4, 3, True), (16, 8, False)],
)
def test_a_photo_may_use_the_cores_that_others_leave(cores, photos, crowded):
    in_work = process.PhotosInWork(cores)
    with contextlib.ExitStack() as stack:
        for _ in range(photos):
            stack.enter_context(in_work.one_more())
        assert in_work.crowded == crowded
    assert not in_work.crowded


def test_a_photo_that_fails_leaves_its_core():
    in_work = process.PhotosInWork(1)
    with contextlib.suppress(ZeroDivisionError), in_work.one_more():
        _ = 1 / 0
    assert not in_work.crowded


# --- the log ---------------------------------------------------------------------------------------------------------

BROKEN_TIFF = """
import io, sys
from PIL import Image
from colorize_service.process import silence_libtiff

print({silenced} and silence_libtiff())
try:
    Image.open(io.BytesIO(sys.stdin.buffer.read())).load()
except OSError:
    pass
else:
    raise SystemExit("the TIFF is not broken")
"""


def test_a_broken_tiff_of_a_client_writes_nothing_to_the_log():
    """Fails when Pillow's private module or libtiff's functions, which silence it, have other names."""
    whole = save(scene(), "TIFF", compression="tiff_adobe_deflate")
    (pixels, *_) = Image.open(io.BytesIO(whole)).tag_v2[TiffImagePlugin.STRIPOFFSETS]
    broken = whole[:pixels] + bytes(20) + whole[pixels + 20 :]
    loud = child(BROKEN_TIFF.format(silenced=False), broken)
    assert loud.stderr != b"", "libtiff says nothing about this file: this test shows nothing"
    silent = child(BROKEN_TIFF.format(silenced=True), broken)
    assert (silent.stdout, silent.stderr) == (b"True\n", b"")


def test_a_pillow_without_libtiff_is_no_reason_not_to_start(monkeypatch):
    monkeypatch.setattr(process.ctypes, "CDLL", lambda *_: ctypes.pythonapi)
    assert process.silence_libtiff() is False
