"""Mentions to link offline: from annotations in the shape of COCO, with MaskOVEN's departures, or a folder of pictures.

MaskOVEN's ids are texts, its file names begin with a slash, its `segmentation` is a list of RLEs, and its `bbox` a list
of boxes given by two corners. A file does not fit in memory, so it is read as a stream, twice: `images`, then
`annotations`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from indexer.coco import items, region_of
from indexer.picture_paths import file_names, picture_below
from wikiclip.base.errors import WikiClipError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}


@dataclass(frozen=True, slots=True)
class Mention:
    """One row to be.

    Attributes:
        annotation_id, image_id: as the annotations have them: a text, a number, or whatever stands there.
        picture: the file; None where the annotation leads to none, and `why` says how.
        region: for `wikiclip.regions.decode`.
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
        names = ((str(image.get("id")), image.get("file_name")) for image in self._objects("images"))
        with file_names((image_id, name) for image_id, name in names if isinstance(name, str)) as name_of:
            number = -1
            for number, annotation in enumerate(self._objects("annotations")):
                yield self._mention(annotation, number, name_of)
            if number < 0:
                raise WikiClipError(f"{self._path} holds no annotations: a COCO file has them in a list of that name.")

    def _mention(self, annotation: dict[str, Any], number: int, name_of: Callable[[str], str | None]) -> Mention:
        # Without an id there is still one row an annotation: its place in the file names it.
        annotation_id = f"#{number}" if annotation.get("id") is None else annotation["id"]
        image_id = annotation.get("image_id")
        name = name_of(str(image_id))
        if name is None:
            return Mention(annotation_id, image_id, None, None, "The file lists no picture with this image_id.")
        picture = picture_below(self._folder, name)
        if picture is None:
            return Mention(annotation_id, image_id, None, None, "The picture's file_name leads out of the folder.")
        return Mention(annotation_id, image_id, picture, region_of(annotation))

    def _objects(self, key: str) -> Iterator[dict[str, Any]]:
        for found in items(self._path, key):
            if not isinstance(found, dict):
                raise WikiClipError(f"{self._path} holds {key} that are not objects.")
            yield found
