"""How many CPU cores there are to work with."""

import os
from pathlib import Path


def available_cpus() -> int:
    """CPU cores this process may use: its affinity, capped by the cgroup v2 quota of its container."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else max(1, min(cpus, round(int(quota) / int(period))))
