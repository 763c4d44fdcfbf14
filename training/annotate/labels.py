"""What is to be annotated: pictures, and the entity that each shows."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.fingerprint import of_files
from indexer.kb.jsonl import first_fault
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.picture_paths import NoPlace, place_below
from training.data.problems import ProblemCode
from training.data.releases.release import DataId, split_of
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sha256

SPLIT = "entity_train"  # of a label that names none


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A picture and what it shows; nothing of the picture has been looked at.

    Attributes:
        data_id: unique in its set.
        picture: the file, which may be missing.
        file_name: its path below the folder of pictures.
        entity: the entity's name.
        entity_id: such as "Q15083"; None where only a name was given.
        question: what was asked about the picture.
        type: what the entity is, such as "event", where whoever labelled it said so.
        description: what a knowledge base says of the entity; empty where nothing does.
    """

    data_id: str
    picture: Path
    file_name: str
    entity: str
    entity_id: str | None = None
    question: str | None = None
    type: str | None = None
    data_split: str = SPLIT
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What keeps a label from being annotated; it is counted and listed, and stops nothing."""

    code: ProblemCode
    where: str
    why: str


class LabelSource(Protocol):
    """Labels that can be read again from their start."""

    @property
    def name(self) -> str: ...  # for a progress bar

    def __iter__(self) -> Iterator[Label | Fault]:
        """Yields every label, in an order that does not change."""
        ...

    def __len__(self) -> int: ...  # for a progress bar; faults count

    def fingerprint(self) -> str: ...  # changes when the labels or the folders of their pictures do


def _known_split(data_split: str) -> str:
    if split_of(data_split) is None:
        raise ValueError("must end in _train, _seen or _unseen")
    return data_split


class Line(BaseModel):
    """What a line of labels may hold. An unknown key is an error, so that a misspelt one does not go unnoticed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    picture: Annotated[str, Field(min_length=1, max_length=1024)]
    entity: Annotated[str, Field(min_length=1, max_length=1024)]
    entity_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    question: Annotated[str, Field(max_length=4096)] | None = None
    type: Annotated[str, Field(max_length=256)] | None = None
    data_id: DataId | None = None
    data_split: Annotated[str, AfterValidator(_known_split)] = SPLIT


class LabelLines:
    """Labels from a file of JSON lines, plain or gzipped.

    Args:
        path: `{"picture": "a.png", "entity": "giraffe", "entity_id": "Q15083", "question": "...", "type": "animal"}` a
            line, of which only the first two have to be there; `data_id` and `data_split` may be, as in OVEN's files.
        pictures: the folder that pictures are named from.

    Raises:
        WikiClipError: the file or the folder is not there, or the file is none of JSON lines.
    """

    def __init__(self, path: Path, pictures: Path) -> None:
        if not path.is_file():
            raise WikiClipError(f"There is no file of labels {path}: name one with --labels FILE.")
        if not pictures.is_dir():
            raise WikiClipError(f"There is no folder of pictures {pictures}: name one with --pictures DIR.")
        expect_one_object_a_line(path)
        self.name = path.name
        self._path, self._pictures = path, pictures

    def __iter__(self) -> Iterator[Label | Fault]:
        return first_of_each_id(self._read(number, line) for number, line in read_lines(self._path))

    def __len__(self) -> int:
        return count_lines(self._path)

    def fingerprint(self) -> str:
        """Reads the labels; of the pictures the dates of their folders."""
        folders = [self._pictures, *sorted(path for path in self._pictures.iterdir() if path.is_dir())]
        return f"{sha256(self._path)} {of_files(self.name, folders)}"

    def _read(self, number: int, line: bytes | None) -> Label | Fault:
        where = f"{self.name}:{number}"
        if line is None:
            return Fault(code="unreadable-record", where=where, why="the line is too long to be a label")
        try:
            row = Line.model_validate_json(line)
            picture = place_below(self._pictures, row.picture)
        except ValidationError as error:
            return Fault(code="unreadable-record", where=where, why=first_fault(error))
        except NoPlace as error:
            return Fault(code="unreadable-record", where=where, why=str(error))
        return Label(
            data_id=row.data_id or f"{self._path.name.partition('.')[0]}-{number:08}",
            picture=picture,
            file_name=picture.relative_to(self._pictures).as_posix(),
            entity=row.entity,
            entity_id=row.entity_id,
            question=row.question,
            type=row.type,
            data_split=row.data_split,
        )


def first_of_each_id(labels: Iterable[Label | Fault]) -> Iterator[Label | Fault]:
    """Lets the first label of each id through; a later one is a fault. Ids are remembered as 64-bit hashes."""
    seen: set[bytes] = set()
    for label in labels:
        if isinstance(label, Label):
            key = hashlib.blake2b(label.data_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if key in seen:
                label = Fault(code="duplicate-id", where=label.data_id, why="The data_id was given before.")
            seen.add(key)
        yield label
