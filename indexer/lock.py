"""One build at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import IndexBusy


@contextmanager
def only_builder(home: Path) -> Iterator[None]:
    """Holds the folder while the block runs; the system lets go of it when the process ends, however it ends.

    Raises:
        IndexBusy: another process holds it; names that process.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "LOCK").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise IndexBusy(
                f"The process {holder} builds an index in {home}; wait for it, or name another --out."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
