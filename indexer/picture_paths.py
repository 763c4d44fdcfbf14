"""Where a picture is: of an entity or an annotation, and nothing outside the folder that it is named from."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

from wikiclip.base.errors import WikiClipError


def picture_file(image_root: Path, name: str) -> Path | None:
    """The file that `name` means below `image_root`; None where there is none, or where it leads out of the folder."""
    try:
        root = image_root.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # missing; a zero byte in the name; a loop of links
        return None
    return path if path.is_relative_to(root) and path.is_file() else None


def picture_below(folder: Path, name: str) -> Path | None:
    """The file of that name below the folder, be it there or not; None where the name leads out of it.

    A slash at the start of the name means the folder. Links in the folder are the user's own.
    """
    parts = PurePosixPath(name.lstrip("/"))
    if ".." in parts.parts or "\0" in name or "\\" in name or not parts.parts:
        return None
    return folder / parts


@contextmanager
def file_names(rows: Iterable[tuple[str, str]]) -> Iterator[Callable[[str], str | None]]:
    """Gives a look-up from picture id to file name; of two names for one id, the last counts.

    Sets have millions of pictures, so the names are in a temporary table, which sqlite moves to the disk when it grows.

    Args:
        rows: (picture id, file name).

    Raises:
        WikiClipError: the disk for temporary files is full.
    """
    try:
        with closing(sqlite3.connect("")) as table:
            table.execute("CREATE TABLE picture (id TEXT PRIMARY KEY, name BLOB) WITHOUT ROWID")
            encoded = ((picture_id, os.fsencode(name)) for picture_id, name in rows)  # a file's name need not be UTF-8
            table.executemany("INSERT OR REPLACE INTO picture VALUES (?, ?)", encoded)

            def look_up(picture_id: str) -> str | None:
                found = table.execute("SELECT name FROM picture WHERE id = ?", (picture_id,)).fetchone()
                return None if found is None else os.fsdecode(found[0])

            yield look_up
    except sqlite3.OperationalError as error:
        raise WikiClipError(
            f"The names of the pictures cannot be kept in the folder for temporary files ({error}); make room there, or"
            " name another with SQLITE_TMPDIR."
        ) from error
