"""OVEN's annotations (Hu et al., ICCV 2023), as its release has them: a question about a picture, and an entity."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.fingerprint import of_files
from indexer.kb.jsonl import first_fault
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.kb.oven import oven_home
from indexer.kb.record import BadRecord
from indexer.picture_paths import NoPlace, file_names, place_below
from training.data.annotation import TASKS, Annotation, Task
from training.data.release import PICTURES, DataId, EntityId, Part, find_files, labelled

PATHS = "ovenid2impath.csv"
SUFFIXES = (".jpg", ".JPEG", ".jpeg", ".png")


class Line(BaseModel):
    """The keys of an annotation that are used. Where labels are withheld, `entity_id` is missing or null."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    data_id: DataId
    image_id: Annotated[str, Field(pattern=r"^oven_[0-9]{2,16}$")]
    entity_id: EntityId | None = None
    question: str | None = None
    data_split: str | None = None


class OvenAnnotations:
    """One part of the set; each mention is a whole picture, of which no size is declared.

    Args:
        folder: holds the annotation files, plain or gzipped, and `ovenid2impath.csv` if there is one; `oven_home()` if
            None.
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
        self.name = f"oven-{part}"
        self._part = part
        folder, self._images = folder or oven_home(), images or oven_home()
        self._paths = next((path for path in (folder / PATHS, self._images / PATHS) if path.is_file()), None)
        self._tasks: Sequence[Task | None] = [None] if part == Part.HUMAN else tasks
        names = ["oven_human.jsonl"] if part == Part.HUMAN else [f"oven_{task}_{part}.jsonl" for task in tasks]
        self.files = find_files(
            "OVEN",
            [(name, f"{name}.gz") for name in names],
            folder=folder,
            pictures=self._images / PICTURES,
            elsewhere=self._paths is not None,
        )
        for path in self.files:
            expect_one_object_a_line(path)

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        with nullcontext(_no_name) if self._paths is None else file_names(_rows(self._paths)) as name_of:
            for path, task in zip(self.files, self._tasks, strict=True):
                for number, line in read_lines(path):
                    yield self._read(f"{path.name}:{number}", line, task, name_of)

    def __len__(self) -> int:
        return sum(count_lines(path) for path in self.files)

    def fingerprint(self) -> str:
        """Hashes dates: a picture added or removed changes its folder's; one rewritten in place goes unnoticed."""
        paths = [*self.files, *([self._paths] if self._paths else []), self._images]
        return of_files(self.name, [*paths, *sorted(self._images.glob(f"{PICTURES}/*"))])

    def _read(
        self, where: str, line: bytes | None, task: Task | None, name_of: Callable[[str], str | None]
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
            picture=self._picture(row.image_id, name_of(row.image_id)),
            region=None,
            entity_id=row.entity_id,
            data_split=row.data_split,
            task=task,
            question=row.question,
        )

    def _picture(self, image_id: str, name: str | None) -> Path | NoPlace:
        """Returns the first that is there, else where it was expected first; or why the listed path is none.

        The listed path is that of the source data set; the release's script moves a picture to `oven_images` under its
        id, and keeps the extension.
        """
        moved = self._images / PICTURES / image_id.removeprefix("oven_")[:2] / image_id
        places = [moved.with_suffix(suffix) for suffix in SUFFIXES]
        if name is not None:
            try:
                listed = place_below(self._images, name)
            except NoPlace as error:
                return error
            places = [listed, moved.with_suffix(listed.suffix), *places]
        return next((place for place in places if _is_file(place)), places[0])


def _rows(paths: Path) -> Iterator[tuple[str, str]]:
    """Yields (picture id, path), and passes over a row that names none."""
    for _, line in read_lines(paths):
        image_id, comma, path = (line or b"").strip().partition(b",")
        if comma and path:
            yield image_id.decode("utf-8", "replace"), os.fsdecode(path)


def _no_name(_: str) -> None:
    """The look-up where there is no list of paths."""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than the file system takes, or in a folder that may not be read
        return False
