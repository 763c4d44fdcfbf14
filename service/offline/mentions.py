"""Mentions to link offline: from annotations in the shape of COCO, with MaskOVEN's departures, or a folder of pictures.

MaskOVEN's ids are texts, its file names begin with a slash, its `segmentation` is a list of RLEs, and its `bbox` a list
of boxes given by two corners. A file does not fit in memory, so it is read as a stream, twice: `images`, then
`annotations`.
"""

import hashlib
import json
import os
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from indexer.coco.files import items, plain_id, region_of
from indexer.coco.pictures import Listed, listed_pictures
from indexer.picture_paths import NoPlace
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import UNDECLARED, Declared
from wikiclip.picture_files import others
from wikiclip.picture_files.reading import media_type

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}


@dataclass(frozen=True, slots=True)
class Mention:
    """One row to be.

    Attributes:
        annotation_id, image_id: as the annotations have them: a text, a number, or whatever stands there.
        picture: the file; None where the annotation leads to none, and `why` says how.
        region: for `wikiclip.regions.decode`.
        repeat: how many other annotations of this picture with this id come before.
        declared: width and height that the annotations give the picture, where its region rests on them.
        is_told: whether the row repeats the region, which stands nowhere else.
    """

    annotation_id: Any
    image_id: Any
    picture: Path | None
    region: object
    why: str = ""
    repeat: int = 0
    declared: Declared = UNDECLARED
    is_told: bool = False

    def asked(self) -> str | None:
        """A checksum of the picture's name and size in bytes and of the region; None where the picture is not there."""
        try:
            size = None if self.picture is None else self.picture.stat().st_size
        except OSError:
            size = None
        if self.picture is None or size is None:
            return None
        told = f"{self.picture.name}\n{size}\n{json.dumps(self.region, sort_keys=True)}"
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Folder:
    """Every picture below a folder, each as a whole; ids are paths from the folder.

    They come in the order of their names, of which 2 is before 10. What tells a picture is its suffix, or else its
    first bytes.

    Args:
        follow_links: whether to go into folders that are linked into this one from outside of it.

    Attributes:
        follow_links: as given.
        linked: those folders, known once the pictures were asked for.
        others: pictures in formats that are not read, known then, too.
    """

    def __init__(self, folder: Path, *, follow_links: bool = True) -> None:
        self._folder = folder
        self.follow_links = follow_links
        self.linked: list[str] = []
        self.others: list[str] = []

    def __iter__(self) -> Iterator[Mention]:
        found = []
        self.others = []
        for path in self._files():
            if _is_picture(path):
                found.append(path)
            elif _is_other_picture(path):
                self.others.append(path.relative_to(self._folder).as_posix())
        found.sort(key=self._place)
        self.others.sort(key=numbers_as_such)
        for path in tqdm(found, desc="pictures", unit=" pictures"):
            name = path.relative_to(self._folder).as_posix()
            yield Mention(name, name, path, None)

    def _place(self, path: Path) -> list[object]:
        return [numbers_as_such(part) for part in path.relative_to(self._folder).parts]

    def _files(self) -> Iterator[Path]:
        root, seen = self._folder.resolve(), set[Path]()
        self.linked = []
        for place, folders, files in os.walk(self._folder, followlinks=True):
            here = Path(place)
            yield from (here / name for name in files)
            kept = []
            for name in sorted(folders):
                target = (here / name).resolve()
                if not (here / name).is_symlink():
                    inside = target.is_relative_to(root)
                elif target.is_relative_to(root):
                    continue  # its pictures are there already, and it may lead round in a circle
                else:
                    inside = False
                    self.linked.append((here / name).relative_to(self._folder).as_posix())
                    if not self.follow_links:
                        continue
                if not inside and target in seen:  # outside, links may lead round in a circle, too
                    continue
                seen.add(target)
                kept.append(name)
            folders[:] = kept


class Annotations:
    """The annotations of a COCO file, with pictures from a folder.

    Attributes:
        copies: how many annotations are left out since they are there before, word for word; known at the end.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self.copies = 0

    def __iter__(self) -> Iterator[Mention]:
        """Raises WikiClipError where the file is not such a file, at the place where that shows."""
        self.copies = 0
        with listed_pictures(self._path) as listed, closing(_Repeats()) as repeats:
            number = -1
            for number, annotation in enumerate(self._objects()):
                # Without an id there is still one row an annotation: its place in the file names it.
                annotation_id = f"#{number}" if annotation.get("id") is None else annotation["id"]
                image_id, region = annotation.get("image_id"), region_of(annotation)
                repeat = repeats.count([plain_id(annotation_id), plain_id(image_id)], region)
                if repeat is None:
                    self.copies += 1
                else:
                    yield self._mention(annotation_id, image_id, region, repeat, listed)
            if number < 0:
                raise WikiClipError(f"{self._path} holds no annotations: a COCO file has them in a list of that name.")

    def _mention(
        self,
        annotation_id: object,
        image_id: object,
        region: object,
        repeat: int,
        look_up: Callable[[object], Listed | None],
    ) -> Mention:
        listed = look_up(image_id)
        try:
            if listed is None:
                raise NoPlace("The file lists no picture with this image_id.")
            picture = listed.place(self._folder)
        except NoPlace as error:
            return Mention(annotation_id, image_id, None, None, str(error), repeat)
        return Mention(annotation_id, image_id, picture, region, repeat=repeat, declared=listed.declared_for(region))

    def _objects(self) -> Iterator[dict[str, Any]]:
        for found in items(self._path, "annotations"):
            if not isinstance(found, dict):
                raise WikiClipError(f"{self._path} holds annotations that are not objects.")
            yield found


class _Repeats:
    """Tells annotations of one id and picture from one another; what is met once, as nearly all are, is on the disk."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None)
        self._table.execute("CREATE TABLE first (id INTEGER PRIMARY KEY, region INTEGER)")
        self._table.execute("BEGIN")
        self._more: dict[int, dict[int, int]] = defaultdict(dict)  # of an id: region -> its number

    def count(self, ids: list[object], region: object) -> int | None:
        """How many others of these ids came before; None where one of them had this very region."""
        key, asked = _hash(ids), _hash(region)
        if self._table.execute("INSERT OR IGNORE INTO first VALUES (?, ?)", (key, asked)).rowcount == 1:
            return 0
        (first,) = self._table.execute("SELECT region FROM first WHERE id = ?", (key,)).fetchone()
        more = self._more[key]
        if asked == first or asked in more:
            return None
        more[asked] = len(more) + 1
        return more[asked]

    def close(self) -> None:
        """Removes what is on the disk."""
        self._table.close()


def _hash(value: object) -> int:
    """64 bits, as sqlite's integers have."""
    text = json.dumps(value, sort_keys=True).encode("ascii")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)


def numbers_as_such(name: str) -> tuple[list[str | int], str]:
    """What names are sorted by so that 2 comes before 10; where only noughts differ, by the names."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


def _is_picture(path: Path) -> bool:
    return path.is_file() and (path.suffix.lower() in SUFFIXES or media_type(path) is not None)


def _is_other_picture(path: Path) -> bool:
    return path.is_file() and (path.suffix.lower() in others.SUFFIXES or others.other_format(path) is not None)
