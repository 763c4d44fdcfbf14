"""A file that one process at a time holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor


class Held(Exception):
    """Another process holds the file."""


@contextmanager
def locked(path: Path, *, wait: bool = True, when_held: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Holds a file while the block runs; it is made where it is not there, and stays as it is.

    Yields the descriptor that the lock hangs on. The system lets go of the lock when the last process that has this
    descriptor closes it or ends, however it ends: a tool that inherits it goes on holding the file after its caller
    was killed. So the lock is on a descriptor of ours (flock), and never undone: `filelock.FileLock` would undo it for
    the tool, too.

    Args:
        wait: whether to wait for another process that holds the file.
        when_held: called once before the wait.

    Raises:
        Held: another process holds the file, and `wait` is False.
    """
    with path.open("a+b") as file:
        if not lock_descriptor(file.fileno(), blocking=False):
            if not wait:
                raise Held(path)
            when_held()
            lock_descriptor(file.fileno())
        yield file.fileno()
