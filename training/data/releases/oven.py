"""OVEN's annotations (Hu et al., ICCV 2023), as its release has them: a question about a picture, and an entity."""

import json
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.jsonl import first_fault
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.kb.oven import oven_home
from indexer.kb.record import BadRecord
from indexer.picture_paths import NoPlace
from training.data.annotation import TASKS, Annotation, Task
from training.data.releases.oven_pictures import IMAGE_ID, OvenPictures
from training.data.releases.release import DataId, EntityId, Part, find_files, labelled, set_name

TEST_DATA = "test_data"


class Line(BaseModel):
    """The keys of an annotation that are used. Where labels are withheld, `entity_id` is missing or null."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    data_id: DataId
    image_id: Annotated[str, Field(pattern=IMAGE_ID)]
    entity_id: EntityId | None = None
    question: str | None = None
    data_split: str | None = None


class OvenAnnotations:
    """One part of the set; each mention is a whole picture, of which no size is declared.

    Args:
        folder: holds the annotation files, plain or gzipped, and `ovenid2impath.csv` if there is one; `oven_home()` if
            None. Of test and human, files in its `test_data` count before those beside it, which have no labels.
        part: which files; there is no `wiki`. `human` is one file that does not tell tasks apart.
        tasks: of the other parts.
        images: the folder that holds `oven_images`, or that the paths of `ovenid2impath.csv` start from; `oven_home()`
            if None.

    Attributes:
        files: of annotations, one a task.

    Raises:
        WikiClipError: a file or the folder of pictures is missing, or a file is not what its name says.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        part: Part,
        tasks: Sequence[Task] = TASKS,
        images: Path | None = None,
    ) -> None:
        self.name = set_name("oven", part, tasks)
        self._part = part
        folder = folder or oven_home()
        self._pictures = OvenPictures(images or oven_home(), folder=folder)
        self._tasks: Sequence[Task | None] = [None] if part == Part.HUMAN else tasks
        names = ["oven_human.jsonl"] if part == Part.HUMAN else [f"oven_{task}_{part}.jsonl" for task in tasks]
        self.files = find_files(
            "OVEN",
            [(*_labelled(name, part), name, f"{name}.gz") for name in names],
            folder=folder,
            pictures=self._pictures.folder,
            elsewhere=self._pictures.paths is not None,
        )
        for path in self.files:
            expect_one_object_a_line(path)

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        with self._pictures.look_up() as place_of:
            for path, task in zip(self.files, self._tasks, strict=True):
                for number, line in read_lines(path):
                    yield self._read(f"{path.name}:{number}", line, task, place_of)

    def __len__(self) -> int:
        return sum(count_lines(path) for path in self.files)

    def fingerprint(self) -> str:
        return self._pictures.fingerprint(self.name, self.files)

    def copy(self, folder: Path, data_ids: Container[str]) -> None:
        """Writes those annotations to a folder, in files of the release's names."""
        for path in self.files:
            with (folder / path.name.removesuffix(".gz")).open("wb") as file:
                for _, line in read_lines(path):
                    if line is not None and value_of(line, "data_id") in data_ids:
                        file.write(line.rstrip(b"\r\n") + b"\n")

    def _read(
        self, where: str, line: bytes | None, task: Task | None, place_of: Callable[[str], Path | NoPlace]
    ) -> Annotation | BadRecord:
        if line is None:
            return BadRecord(where=where, why="the line is too long to be an annotation")
        try:
            row = Line.model_validate_json(line)
        except ValidationError as error:
            return BadRecord(where=where, why=first_fault(error))
        return labelled(
            where=where,
            part=self._part,
            data_id=row.data_id,
            picture=place_of(row.image_id),
            region=None,
            entity_id=row.entity_id,
            data_split=row.data_split,
            task=task,
            question=row.question,
        )


def value_of(line: bytes, key: str) -> object:
    """What a line's object has under a key; None where it has nothing, or is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row.get(key) if isinstance(row, dict) else None


def _labelled(name: str, part: Part) -> tuple[str, ...]:
    """Where the release has the same file with labels, if it withholds them in the file of that name."""
    return (f"{TEST_DATA}/{name}", f"{TEST_DATA}/{name}.gz") if part in (Part.TEST, Part.HUMAN) else ()
