"""Where a picture is: of an entity or an annotation, and nothing outside the folder that it is named from."""

import errno
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from wikiclip.base.errors import WikiClipError

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class NoPlace(WikiClipError):
    """A picture's name is that of no file in the folder of pictures. The message is a sentence that says why."""


class OutOfFolder(NoPlace):
    """The name leads to a place outside."""


def picture_file(image_root: Path, name: str, *, follow_links: bool = False) -> Path | None:
    """As `found_picture`; None where there is none, or where it leads out of the folder."""
    try:
        return found_picture(image_root, name, follow_links=follow_links)
    except NoPlace:
        return None


def found_picture(image_root: Path, name: str, *, follow_links: bool = False) -> Path:
    """The file that `name` means below `image_root`, with every link followed.

    Args:
        follow_links: whether a link may lead out of the folder. What the name itself says may not, nor two dots behind
            a link, which would mean the folder above what it leads to.

    Raises:
        NoPlace: there is none, it lies out of the folder, or it is no regular file.
    """
    try:
        root = image_root.resolve(strict=True)
    except (OSError, RuntimeError):
        raise NoPlace(f"the folder of pictures {image_root} is not there") from None
    place = root / name
    if "\\" in name and not is_file(place):
        place = root / name.replace("\\", "/")
    try:
        path = place.resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:  # missing; a zero byte in the name; a loop of links
        raise NoPlace(_why_missing(place, name, error)) from None
    if not path.is_relative_to(root):
        if ".." in place.parts or not place.is_relative_to(root):
            raise NoPlace("its path leads out of the folder of pictures")
        if not follow_links:
            raise NoPlace(
                "it is a link that leads out of the folder of pictures: copy the file into the folder, or name"
                " --follow-links if whoever can make links in it is to be trusted"
            )
    if not is_file(path):
        raise NoPlace("it is no file")
    return path


def _why_missing(place: Path, name: str, error: Exception) -> str:
    if isinstance(error, RuntimeError) or getattr(error, "errno", None) == errno.ELOOP:
        return "it is a link that leads round in a circle"
    if isinstance(error, PermissionError):
        return "it lies in a folder that may not be read"
    try:
        linked = place.is_symlink()
    except (OSError, ValueError):
        linked = False
    if linked:
        return "it is a link to a file that is not there"
    if "\\" in name:
        return "its path has a backslash and is that of no file: write / between folders"
    return "there is no such picture in the knowledge base's folder"


def picture_below(folder: Path, name: str) -> Path | None:
    """The file of that name below the folder, be it there or not; None where the name leads to no place in it.

    A slash at the start of the name means the folder. Links in the folder are the user's own.
    """
    try:
        return place_below(folder, name)
    except NoPlace:
        return None


def place_below(folder: Path, name: str) -> Path:
    """As `picture_below`; a name that was written on Windows, or is the address of a picture, is tried as a path.

    Raises:
        NoPlace: the name leads to no place in the folder.
    """
    if "\0" in name:
        raise NoPlace("The picture's file_name has a zero byte in it, as no file in a folder has.")
    if URL.match(name):
        return downloaded(folder, name)
    if "\\" in name and not is_file(folder / name.lstrip("/")):
        on_windows, name = name, name.replace("\\", "/")
        if ".." not in name.split("/") and not is_file(folder / name.lstrip("/")):
            raise NoPlace(
                f"The picture's file_name has a backslash, and no file in the folder is {on_windows} with slashes or"
                " without: write / between folders, and the path from the folder of pictures."
            )
    parts = PurePosixPath(name.lstrip("/"))
    if ".." in parts.parts:
        raise OutOfFolder("The picture's file_name leads out of the folder: it goes up with two dots.")
    if not parts.parts:
        raise NoPlace("The picture's file_name names no file: it is empty, or the folder itself.")
    return folder / parts


def downloaded(folder: Path, url: str) -> Path:
    """Where the picture of an address is: below the folder that it has there, as COCO's archives unpack, or alone.

    Raises:
        NoPlace: it is in neither place.
    """
    parts = [part for part in unquote(urlsplit(url).path).split("/") if part]
    for count in (2, 1):
        tail = parts[-count:]
        place = folder.joinpath(*tail)
        if tail and ".." not in tail and is_file(place):
            return place
    name = "/".join(parts[-2:])
    raise NoPlace(f"The picture is named by its URL alone, and the folder holds no {name[:200]}: download it there.")


def is_file(path: Path) -> bool:
    """Whether there is a file; a path that the file system cannot take is that of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # longer than the file system takes, in a folder that may not be read, a zero byte
        return False


@contextmanager
def file_names(rows: Iterable[tuple[str, str]]) -> Iterator[Callable[[str], str | None]]:
    """Gives a look-up from picture id to file name; of two names for one id, the last counts.

    Args:
        rows: (picture id, file name).

    Raises:
        WikiClipError: the disk for temporary files is full.
    """
    with temporary_table("CREATE TABLE picture (id TEXT PRIMARY KEY, name BLOB) WITHOUT ROWID") as table:
        encoded = ((picture_id, os.fsencode(name)) for picture_id, name in rows)  # a file's name need not be UTF-8
        table.executemany("INSERT OR REPLACE INTO picture VALUES (?, ?)", encoded)

        def look_up(picture_id: str) -> str | None:
            found = table.execute("SELECT name FROM picture WHERE id = ?", (picture_id,)).fetchone()
            return None if found is None else os.fsdecode(found[0])

        yield look_up


@contextmanager
def temporary_table(create: str) -> Iterator[sqlite3.Connection]:
    """Sets have millions of pictures, so what is known of them is in a table that sqlite moves to the disk as it grows.

    Raises:
        WikiClipError: the disk for temporary files is full.
    """
    try:
        with closing(sqlite3.connect("")) as table:
            table.execute(create)
            yield table
    except sqlite3.OperationalError as error:
        raise WikiClipError(
            f"The names of the pictures cannot be kept in the folder for temporary files ({error}); make room there, or"
            " name another with SQLITE_TMPDIR."
        ) from error
