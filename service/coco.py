"""Mentions to link offline: from annotations in the shape of COCO, with MaskOVEN's departures, or a folder of pictures.

MaskOVEN's ids are texts, its file names begin with a slash, its `segmentation` is a list of RLEs, and its `bbox` a list
of boxes given by two corners. A file does not fit in memory, so it is read as a stream, twice: `images`, then
`annotations`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import ijson
from tqdm import tqdm

from wikiclip.errors import WikiClipError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}


@dataclass(frozen=True, slots=True)
class Mention:
    """One row to be.

    Attributes:
        annotation_id, image_id: as the annotations have them: a text, a number, or whatever stands there.
        picture: the file; None where the annotation leads to none, and `why` says how.
        region: for `wikiclip.masks.decode_region`.
    """

    annotation_id: Any
    image_id: Any
    picture: Path | None
    region: object
    why: str = ""


class Folder:
    """Every picture below a folder, each as a whole; ids are paths from the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Mention]:
        found = sorted(path for path in self._folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        for path in tqdm(found, desc="pictures", unit=" pictures"):
            name = path.relative_to(self._folder).as_posix()
            yield Mention(name, name, path, None)


class Annotations:
    """The annotations of a COCO file, with pictures from a folder."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder

    def __iter__(self) -> Iterator[Mention]:
        """Raises WikiClipError where the file is not such a file, at the place where that shows."""
        # A temporary table, which sqlite moves to the disk when it grows: the largest set has millions of pictures.
        with closing(sqlite3.connect("")) as files:
            files.execute("CREATE TABLE image (id TEXT PRIMARY KEY, file_name TEXT)")
            rows = ((str(image.get("id")), image.get("file_name")) for image in self._objects("images"))
            files.executemany("INSERT OR REPLACE INTO image VALUES (?, ?)", (row for row in rows if _is_text(row[1])))
            number = -1
            for number, annotation in enumerate(self._objects("annotations")):
                yield self._mention(annotation, number, files)
            if number < 0:
                raise WikiClipError(f"{self._path} holds no annotations: a COCO file has them in a list of that name.")

    def _mention(self, annotation: dict[str, Any], number: int, files: sqlite3.Connection) -> Mention:
        # Without an id there is still one row an annotation: its place in the file names it.
        annotation_id = f"#{number}" if annotation.get("id") is None else annotation["id"]
        image_id = annotation.get("image_id")
        found = files.execute("SELECT file_name FROM image WHERE id = ?", (str(image_id),)).fetchone()
        if found is None:
            return Mention(annotation_id, image_id, None, None, "The file lists no picture with this image_id.")
        picture = self._picture(found[0])
        if picture is None:
            return Mention(annotation_id, image_id, None, None, "The picture's file_name leads out of the folder.")
        return Mention(annotation_id, image_id, picture, region_of(annotation))

    def _picture(self, file_name: str) -> Path | None:
        """The file below the folder; None where the name leads out of it. Links in the folder are the user's own."""
        name = PurePosixPath(file_name.lstrip("/"))
        if ".." in name.parts or "\0" in file_name or "\\" in file_name or not name.parts:
            return None
        return self._folder / name

    def _objects(self, key: str) -> Iterator[dict[str, Any]]:
        """The objects of a top-level list."""
        try:
            size = self._path.stat().st_size
            with (
                self._path.open("rb") as file,
                tqdm.wrapattr(file, "read", total=size, desc=key, unit="B", unit_scale=True) as stream,
            ):
                for found in ijson.items(stream, f"{key}.item", use_float=True):
                    if not isinstance(found, dict):
                        raise WikiClipError(f"{self._path} holds {key} that are not objects.")
                    yield found
        except ijson.JSONError as error:
            raise WikiClipError(f"{self._path} is not JSON, or is cut off ({str(error).splitlines()[0]}).") from error


def region_of(annotation: dict[str, Any]) -> object:
    """The region of an annotation: its segmentation, else its box, else the whole picture.

    A flat `bbox` is COCO's [x, y, width, height]; a list of boxes is MaskOVEN's, each [left, top, right, bottom].
    """
    segmentation, bbox = annotation.get("segmentation"), annotation.get("bbox")
    if segmentation:
        has_polygons = isinstance(segmentation, list) and isinstance(segmentation[0], list)
        return {"polygon": segmentation} if has_polygons else segmentation
    if not bbox:
        return None
    if isinstance(bbox, list) and all(isinstance(box, list) and len(box) == 4 for box in bbox):
        return {"polygon": [[x0, y0, x1, y0, x1, y1, x0, y1] for x0, y0, x1, y1 in bbox]}
    return {"box": bbox}


def _is_text(value: object) -> bool:
    return isinstance(value, str)
