"""The `images` of a COCO file by their ids, and where each is."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.coco.files import items, plain_id
from indexer.picture_paths import NoPlace, downloaded, place_below, temporary_table
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import UNDECLARED, Declared, rests_on_declared

TABLE = "CREATE TABLE picture (id TEXT PRIMARY KEY, listed TEXT, several INTEGER DEFAULT 0) WITHOUT ROWID"
NAMELESS = "The file lists no picture file under this image_id: it is there without a file_name."
INTEGER = re.compile(r"-?[0-9]+")
# The same picture listed again changes nothing.
ADD = """INSERT INTO picture (id, listed) VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET several = several OR listed <> excluded.listed"""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file says of one picture.

    Attributes:
        name, url: its `file_name`, and its `coco_url`, which is all that LVIS has.
        width, height: as declared.
        several: whether the file lists another picture under this id.
    """

    name: object
    url: object
    width: float | None
    height: float | None
    several: bool

    def declared_for(self, region: object) -> Declared:
        """The declared size where the region rests on it; it has to be the upright picture's."""
        return (self.width, self.height) if rests_on_declared(region) else UNDECLARED

    def place(self, folder: Path) -> Path:
        """Where the picture is below the folder, be it there or not.

        Raises:
            NoPlace: what is listed leads to no place.
        """
        if self.several:
            raise NoPlace("The file lists several pictures under this image_id.")
        if isinstance(self.name, str):
            return place_below(folder, self.name)
        if self.name is not None:
            raise NoPlace("The picture's file_name is not a text.")
        if not isinstance(self.url, str):
            raise NoPlace(NAMELESS)
        try:
            return downloaded(folder, self.url)
        except NoPlace as error:
            raise NoPlace(f"{NAMELESS} {error}") from None


@contextmanager
def listed_pictures(
    path: Path, *, strict: bool = True, nan: bool = False
) -> Iterator[Callable[[object], Listed | None]]:
    """Gives a look-up from image_id to what the file lists; a text finds a number that is written alike, if no text is.

    Args:
        strict: whether an image that is no object is the end; it is passed over otherwise.
        nan: whether NaN is read as null.

    Raises:
        WikiClipError: the file is not such a file, or the disk for temporary files is full.
    """
    with temporary_table(TABLE) as table:
        table.executemany(ADD, _rows(path, strict=strict, nan=nan))

        def look_up(image_id: object) -> Listed | None:
            for key in _keys(image_id):
                if found := table.execute("SELECT listed, several FROM picture WHERE id = ?", (key,)).fetchone():
                    name, url, width, height = json.loads(found[0])
                    return Listed(name, url, width, height, bool(found[1]))
            return None

        yield look_up


def _rows(path: Path, *, strict: bool, nan: bool) -> Iterator[tuple[str, str]]:
    for image in items(path, "images", nan=nan):
        if strict and not isinstance(image, dict):
            raise WikiClipError(f"{path} holds images that are not objects.")
        if isinstance(image, dict) and image.get("id") is not None:
            yield _keys(image["id"])[0], json.dumps(_listed(image))


def _listed(image: dict[str, Any]) -> list[object]:
    return [image.get("file_name"), image.get("coco_url"), _length(image.get("width")), _length(image.get("height"))]


def _length(value: object) -> float | None:
    """A side in pixels; None where nothing, or a nought that stands for nothing, is declared."""
    try:
        length = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return None
    return length if length > 0 else None


def _keys(picture_id: object) -> tuple[str, str]:
    """The id as it is, and as a text for a number or a number for a text. 1.0 is 1."""
    own = json.dumps(plain_id(picture_id), sort_keys=True)
    if isinstance(picture_id, str):
        return own, picture_id if INTEGER.fullmatch(picture_id) else own
    return own, json.dumps(own)
