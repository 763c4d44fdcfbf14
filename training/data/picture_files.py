"""Where the picture of an annotation is: names by picture id, and nothing outside the folder they are named from."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath


@contextmanager
def file_names(rows: Iterable[tuple[str, str]]) -> Iterator[Callable[[str], str | None]]:
    """Gives a look-up from picture id to file name; of two names for one id, the last counts.

    Sets have millions of pictures, so the names are in a temporary table, which sqlite moves to the disk when it grows.

    Args:
        rows: (picture id, file name).
    """
    with closing(sqlite3.connect("")) as table:
        table.execute("CREATE TABLE picture (id TEXT PRIMARY KEY, name BLOB) WITHOUT ROWID")
        encoded = ((picture_id, os.fsencode(name)) for picture_id, name in rows)  # a file's name need not be UTF-8
        table.executemany("INSERT OR REPLACE INTO picture VALUES (?, ?)", encoded)

        def look_up(picture_id: str) -> str | None:
            found = table.execute("SELECT name FROM picture WHERE id = ?", (picture_id,)).fetchone()
            return None if found is None else os.fsdecode(found[0])

        yield look_up


def picture_below(folder: Path, name: str) -> Path | None:
    """The file of that name below the folder, be it there or not; None where the name leads out of it.

    A slash at the start of the name means the folder. Links in the folder are the user's own.
    """
    parts = PurePosixPath(name.lstrip("/"))
    if ".." in parts.parts or "\0" in name or "\\" in name or not parts.parts:
        return None
    return folder / parts
