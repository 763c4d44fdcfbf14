"""The machine: how much of it this process may take, and where it may be asked to compute."""

import ctypes
import os
from pathlib import Path
from typing import Literal

# Where to compute: on GPUs where there are some, on the processor, or on GPUs as asked.
DeviceChoice = Literal["auto", "cpu", "gpu"]

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def cores(*, root: Path = Path("/sys/fs/cgroup")) -> int:
    """Processor cores: those it may run on, or whole ones that the container's share of time comes to if fewer.

    Args:
        root: where control groups are mounted.
    """
    allowed = len(os.sched_getaffinity(0))
    for quota_us, period_us in _cpu_limits(root):
        allowed = min(allowed, max(1, quota_us // period_us))
    return allowed


def _cpu_limits(root: Path) -> list[tuple[int, int]]:
    """Microseconds of processor time in each period of so many; none where nothing limits it."""
    found = []
    if (unified := root / "cpu.max").exists():
        found.append(unified.read_text().split())
    if (quota := root / "cpu" / "cpu.cfs_quota_us").exists():
        found.append([quota.read_text().strip(), (root / "cpu" / "cpu.cfs_period_us").read_text().strip()])
    # "max" or -1 is no limit
    return [(int(quota), int(period)) for quota, period in found if quota.isdecimal()]


def memory() -> int:
    """Bytes of memory: the machine's, or the container's where that is less."""
    amounts = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUP_LIMITS:
        if path.exists() and (limit := path.read_text().strip()).isdecimal():  # "max" where there is none
            amounts.append(int(limit))
    return min(amounts)


def give_memory_back() -> None:
    """Returns freed memory to the system, which the C library keeps for later where it lies between what is in use."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:  # only glibc has it
        trim(0)
