"""Files that this process compared with their checksums, and that nobody wrote to since.

A version shares most of its files with the one that it updates, by links. So a service that follows many updates of a
large index reads what is new in each, and not all of it again and again.
"""

import hashlib
import os
import threading
import time
from pathlib import Path

from cachetools import LRUCache

# A file system's clock ticks every few milliseconds, or seconds: what was written to a moment ago may be written to
# once more without another time.
SETTLED_NS = 3 * 10**9
_Content = tuple[int, int, int, int]
_known: LRUCache[_Content, str] = LRUCache(2**16)
_lock = threading.Lock()


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits; read anew unless it is known. Raises OSError."""
    with path.open("rb") as file:
        before = _content(file.fileno())
        with _lock:
            known = _known.get(before)
        if known is not None:
            return known
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if _content(file.fileno()) == before and before[3] < time.time_ns() - SETTLED_NS:
            with _lock:
                _known[before] = found
        return found


def _content(descriptor: int) -> _Content:
    """What is another for another file, and for the same one once it was written to."""
    told = os.fstat(descriptor)
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
