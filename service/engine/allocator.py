"""What the C library's allocator is told: pictures and maps come and go by the megabyte, and their memory stays."""

import ctypes
import os

# mallopt(3): what is set, and the bytes.
TRIM_THRESHOLD = -1, 2**28  # free at the end of the heap, from which on it goes back to the kernel
TOP_PAD = -2, 2**26  # what it keeps then, as large as a thread's heap, of which none is given back any more
MMAP_THRESHOLD = -3, 2**25  # larger blocks are the kernel's own each time; the most that may be set


def keep_freed_memory() -> None:
    """Lets glibc keep what is freed, for the next picture or batch.

    By default it gives memory back and soon asks for it again. A page that comes back is filled with zeros at its first
    touch, and how often that happens hangs on where a process's threads happen to have their heaps: of processes
    started alike some take ten times as many pages a request as others, and answer a tenth fewer requests. Whoever sets
    one of glibc's variables (`MALLOC_...`) decides alone. Other C libraries are left as they are.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    for name, value in (TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD):
        library.mallopt(name, value)
