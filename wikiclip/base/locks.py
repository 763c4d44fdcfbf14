"""A file that one process at a time holds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

from filelock import lock_descriptor

PAUSE_S = 0.01  # between two looks of who waits for a while: the system tells of no lock that is free by then


class Held(Exception):
    """Another process holds the file."""


@contextmanager
def locked(
    path: Path, *, wait: bool = True, until: float = inf, when_held: Callable[[], object] = lambda: None
) -> Iterator[int]:
    """Holds a file while the block runs; it is made where it is not there, and stays as it is.

    Yields the descriptor that the lock hangs on. The system lets go of the lock when the last process that has this
    descriptor closes it or ends, however it ends: a tool that inherits it goes on holding the file after its caller
    was killed. So the lock is on a descriptor of ours (flock), and never undone: `filelock.FileLock` would undo it for
    the tool, too.

    Args:
        wait: whether to wait for another process that holds the file.
        until: when to give the wait up, by `time.monotonic`.
        when_held: called once before the wait.

    Raises:
        Held: another process holds the file, and `wait` is False or `until` is over.
    """
    with path.open("a+b") as file:
        if not lock_descriptor(file.fileno(), blocking=False):
            if not wait:
                raise Held(path)
            when_held()
            while until < inf and not lock_descriptor(file.fileno(), blocking=False):
                if time.monotonic() >= until:
                    raise Held(path)
                time.sleep(PAUSE_S)
            lock_descriptor(file.fileno())  # which it may hold by now
        yield file.fileno()
