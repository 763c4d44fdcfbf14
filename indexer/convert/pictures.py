"""The pictures that a source names, as they lie in a folder."""

import os
import unicodedata
from functools import cached_property
from pathlib import Path, PurePosixPath

from indexer.convert.outcome import Loss, shown
from indexer.kb.jsonl import inside_the_folder
from indexer.picture_paths import is_file
from wikiclip.base.errors import WikiClipError
from wikiclip.picture_files.others import READ, other_format

NOT_HERE = "a picture is not in the folder of pictures"


class PictureFolder:
    """Finds pictures by names that were written on other machines, and counts.

    Args:
        folder: nothing outside of it is looked at, but what a link in it leads to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked, self._taken = 0, 0
        self._first: Loss | None = None

    def find(self, where: str, name: str, *, missing: str = NOT_HERE) -> str | Loss:
        """The path of a picture from the folder, as it lies there, or why there is none.

        A name is tried as it is, with backslashes as slashes, and then without regard to case and to how accents are
        written, where that is the name of one file alone. Of a picture in a format that is not read, the JPEG of its
        name beside it is taken.

        Args:
            where: the name's place in the source.
            missing: what is said of a picture that is not there.
        """
        found = self._find(where, name, missing)
        self._asked += 1
        if isinstance(found, Loss):
            self._first = self._first or found
        else:
            self._taken += 1
        return found

    def expect_some(self, *, otherwise: str = "") -> None:
        """Raises WikiClipError where pictures were asked for, and there was none: then the folder is another.

        Args:
            otherwise: what else the user may do, as the sentence goes on.
        """
        if self._first is not None and not self._taken:
            raise WikiClipError(
                f"None of the {self._asked:,} pictures that are named could be taken from {self._folder}, so nothing"
                f" was written. The first is {shown(self._first.name)} ({self._first.where}): {self._first.why}."
                f" Name with --images the folder that the names begin in{otherwise}."
            )

    def _find(self, where: str, name: str, missing: str) -> str | Loss:
        try:
            path = self._path(inside_the_folder(name))
        except ValueError as error:
            return Loss(where, f"a picture {error}", name=name)
        if path is None:
            return Loss(where, missing, name=name)
        if path == "":
            return Loss(where, "several pictures of the folder have a name but for case and accents", name=name)
        if (other := other_format(self._folder / path)) is not None:
            converted = self._path(str(PurePosixPath(path).with_suffix(".jpg")))
            if converted and other_format(self._folder / converted) is None:
                return converted
            return Loss(where, f"a picture cannot be read: it is {other}, not {READ}", name=name)
        return path

    def _path(self, name: str) -> str | None:
        """None where there is none, "" where there are several. Raises ValueError where the name leads elsewhere."""
        if is_file(self._folder / name):
            return PurePosixPath(name).as_posix()
        slashed = inside_the_folder(name.replace("\\", "/"))
        if is_file(self._folder / slashed):
            return PurePosixPath(slashed).as_posix()
        return self._by_key.get(_key(PurePosixPath(slashed).as_posix()))

    @cached_property
    def _by_key(self) -> dict[str, str]:
        """Paths of all files of the folder, "" for those of several."""
        paths: dict[str, str] = {}
        for place, _, files in os.walk(self._folder):
            for name in files:
                path = (Path(place) / name).relative_to(self._folder).as_posix()
                key = _key(path)
                paths[key] = "" if key in paths else path
        return paths


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
