"""``python -m benchmarks.export CHECKPOINT --out FOLDER …``: time and peak memory of an export, with its floor.

Takes the options of ``python -m export`` and passes them on. The floor is what any export must do: read the checkpoint
once and write the bundle once.
"""

import subprocess
import sys
import time
from pathlib import Path

import psutil

BLOCK = 1 << 24


def main() -> int:
    """Export, then print what it took."""
    command = sys.argv[1:]
    checkpoint, out = Path(command[0]), Path(command[command.index("--out") + 1])
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "export", *command])
    peak, kept = 0, 0
    while process.poll() is None:
        peak, kept = (max(pair) for pair in zip((peak, kept), memory(process.pid), strict=True))
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    if process.returncode:
        return process.returncode
    files = [path for path in out.iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    read, written = sum(map(read_once, [checkpoint] if checkpoint.is_file() else [])), write_once(out.parent, size)
    print(
        f"time    {seconds:8.0f} s    floor {read + written:6.1f} s: the checkpoint read in {read:.1f} s, "
        f"{size / 1e9:.2f} GB written in {written:.1f} s"
    )
    print(f"memory  {peak / 1e9:8.1f} GB   at most; {kept / 1e9:.1f} GB without the files that are mapped into it")
    for path in sorted(files):
        print(f"{path.name:<20} {path.stat().st_size / 1e6:10.1f} MB")
    return 0


def memory(pid: int) -> tuple[int, int]:
    """Bytes that a process and its children have in memory: all, and without what is mapped from files."""
    resident = own = 0
    try:
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            info = member.memory_info()
            resident, own = resident + info.rss, own + info.rss - info.shared
    except psutil.NoSuchProcess:
        pass
    return resident, own


def read_once(path: Path) -> float:
    """Seconds to read a file."""
    started = time.perf_counter()
    with open(path, "rb", buffering=0) as stream:
        while stream.read(BLOCK):
            pass
    return time.perf_counter() - started


def write_once(folder: Path, size: int) -> float:
    """Seconds to write a file of this size."""
    path, block = folder / ".floor", bytes(BLOCK)
    started = time.perf_counter()
    try:
        with open(path, "wb", buffering=0) as stream:
            for _ in range(-(-size // BLOCK)):
                stream.write(block)
    finally:
        path.unlink(missing_ok=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
