"""What a process holds in memory, and taking files out of the page cache."""

import ctypes
import os
import re
from collections.abc import Iterable
from pathlib import Path

MADV_DONTNEED = 4
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s+(/.*)")


def anonymous_bytes() -> int:
    """Memory of this process that no file stands behind: what cannot be given back under pressure."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("smaps_rollup has no line Anonymous")


def drop_pages(paths: Iterable[Path]) -> None:
    """Takes the files' pages out of the page cache, so that the next look at them goes to the disk.

    The system keeps pages that a process has mapped, so this process lets go of its own first; another process that
    looks at the files keeps them warm.
    """
    names = {str(path.resolve()) for path in paths}
    libc = ctypes.CDLL(None, use_errno=True)
    for line in Path("/proc/self/maps").read_text().splitlines():
        found = MAPPING.fullmatch(line)
        if found and found[4] in names and "w" not in found[3]:  # a writable mapping could lose what was written
            start, end = int(found[1], 16), int(found[2], 16)
            if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED):
                raise OSError(ctypes.get_errno(), f"cannot let go of the mapping of {found[4]}")
    for name in names:
        handle = os.open(name, os.O_RDONLY)
        try:
            os.fsync(handle)  # what is not yet written stays
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)
