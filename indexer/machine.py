"""How much of the machine this process may take."""

import os
from pathlib import Path

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory() -> int:
    """Bytes of memory: the machine's, or the container's where that is less."""
    amounts = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUP_LIMITS:
        if path.exists() and (limit := path.read_text().strip()).isdecimal():  # "max" where there is none
            amounts.append(int(limit))
    return min(amounts)
