"""What a process holds in memory, and taking files out of the page cache."""

import ctypes
import mmap
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MADV_DONTNEED = 4
PATIENCE_S = 5.0
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s+(/.*)")


def anonymous_bytes() -> int:
    """Memory of this process that no file stands behind: what cannot be given back under pressure."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("smaps_rollup has no line Anonymous")


@contextmanager
def most_anonymous_memory(every: float = 0.2) -> Iterator[list[int]]:
    """Looks at this process's memory again and again while the block runs."""
    seen, over = [anonymous_bytes()], threading.Event()

    def look() -> None:
        while not over.wait(every):
            seen.append(anonymous_bytes())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def drop_pages(paths: Iterable[Path]) -> None:
    """Takes the files' pages out of the page cache, so that the next look at them goes to the disk.

    The system keeps pages that a process has mapped, so this process lets go of its own first; another process that
    looks at the files keeps them warm. It also skips a page that it is busy with just then, so it is asked again.

    Raises OSError where pages stay.
    """
    names = {str(path.resolve()) for path in paths}
    libc = ctypes.CDLL(None, use_errno=True)
    for line in Path("/proc/self/maps").read_text().splitlines():
        found = MAPPING.fullmatch(line)
        if found and found[4] in names and "w" not in found[3]:  # a writable mapping could lose what was written
            start, end = int(found[1], 16), int(found[2], 16)
            if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED):
                raise OSError(ctypes.get_errno(), f"cannot let go of the mapping of {found[4]}")
    for path in map(Path, names):
        deadline = time.monotonic() + PATIENCE_S
        with path.open("rb") as file:
            os.fsync(file.fileno())  # what is not yet written stays
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while cached(path).any():
                if time.monotonic() > deadline:
                    raise OSError(f"pages of {path} stay in the page cache: does another process use it?")
                time.sleep(0.01)
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cached(path: Path) -> NDArray[np.bool_]:
    """For each page of a file, whether it is in the page cache. Looking brings none there, as reading would."""
    if path.stat().st_size == 0:
        return np.zeros(0, dtype=np.bool_)
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    pages_P = np.zeros(-(-len(mapped) // mmap.PAGESIZE), dtype=np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mincore(
        ctypes.c_void_p(mapped.ctypes.data), ctypes.c_size_t(len(mapped)), ctypes.c_void_p(pages_P.ctypes.data)
    ):
        raise OSError(ctypes.get_errno(), f"cannot see which pages of {path} are cached")
    return (pages_P & 1).astype(np.bool_)
