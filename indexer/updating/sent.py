"""Where changes lie that a service was sent, and their pictures, below the folder of the versions.

Whoever keeps pictures for a change holds `receiving` until the change waits on the disk: in between nothing names them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

from wikiclip.base.locks import locked

CHANGES, WAITING, PICTURES = "changes", "waiting", "pictures"
RECEIVING = "RECEIVING"  # held while a change and its pictures come in, and while pictures are removed


def pictures_of(home: Path) -> Path:
    """The folder of the pictures that were sent."""
    return home / CHANGES / PICTURES


@contextmanager
def receiving(home: Path, *, until: float = inf) -> Iterator[None]:
    """Keeps pictures that nothing names yet from being removed while the block runs.

    Args:
        until: when to give up waiting for who removes some, by `time.monotonic`.

    Raises:
        Held: somebody does so for longer.
        OSError: the folder cannot be written.
    """
    folder = home / CHANGES
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / RECEIVING, until=until):
        yield
