"""Labels of one's own pictures: one JSON object a line, plain or gzipped."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.fingerprint import of_files
from indexer.kb.jsonl import first_fault
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.kb.record import BadRecord
from indexer.picture_paths import NoPlace, place_below
from training.data.annotation import Annotation, Split
from training.data.releases.release import DataId
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sha256

LABEL_FOLDS = 5


class Line(BaseModel):
    """What a line may hold. An unknown key is an error, so that a misspelt region does not become a whole picture."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    picture: Annotated[str, Field(min_length=1, max_length=1024)]
    entity_id: Annotated[str, Field(min_length=1, max_length=256)]
    region: Any = None
    question: Annotated[str, Field(max_length=4096)] | None = None
    answered: Annotated[str, Field(max_length=256)] | None = None
    data_id: DataId | None = None


class CollectionLabels:
    """Labels from a file of JSON lines.

    Args:
        path: `{"picture": "hall/3.jpg", "entity_id": "17", "region": {"box": [40, 30, 200, 180]}}` a line. Without a
            region the whole picture shows the entity. `answered`, what a service had said, is for people.
        pictures: the folder that pictures are named from; the file's own if None.
        fold: entities of this fold are called unseen, to be measured on; all are there to train on if None.

    Raises:
        WikiClipError: the file or the folder is not there, or the file is none of JSON lines.
    """

    name = "jsonl"

    def __init__(self, path: Path, *, pictures: Path | None = None, fold: int | None = None) -> None:
        if not path.is_file():
            raise WikiClipError(f"There is no file of labels {path}: name one with --labels FILE.")
        if pictures is not None and not pictures.is_dir():
            raise WikiClipError(f"There is no folder of pictures {pictures}: name one with --pictures DIR.")
        expect_one_object_a_line(path)
        self._path, self._pictures, self._fold = path, pictures or path.parent, fold

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        for number, line in read_lines(self._path):
            yield self._read(f"{self._path.name}:{number}", number, line)

    def __len__(self) -> int:
        return count_lines(self._path)

    def fingerprint(self) -> str:
        """Reads the labels; of the pictures the dates of their folders."""
        folders = [self._pictures, *sorted(path for path in self._pictures.iterdir() if path.is_dir())]
        return f"{sha256(self._path)} {of_files(self.name, folders)} {self._fold}"

    def _read(self, where: str, number: int, line: bytes | None) -> Annotation | BadRecord:
        if line is None:
            return BadRecord(where=where, why="the line is too long to be a label")
        try:
            row = Line.model_validate_json(line)
            picture = place_below(self._pictures, row.picture)
        except ValidationError as error:
            return BadRecord(where=where, why=first_fault(error))
        except NoPlace as error:
            return BadRecord(where=where, why=str(error))
        return Annotation(
            data_id=row.data_id or f"{self._path.name.partition('.')[0]}-{number:08}",
            picture=picture,
            region=row.region,
            entity_id=row.entity_id,
            split=self._split(row.entity_id),
            task=None,
            question=row.question,
        )

    def _split(self, entity_id: str) -> Split:
        return "unseen" if self._fold is not None and fold_of(entity_id) == self._fold else "train"


def fold_of(entity_id: str) -> int:
    """Which fold an entity is in: the same on every machine, and whichever other labels there are."""
    digest = hashlib.blake2b(entity_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % LABEL_FOLDS
