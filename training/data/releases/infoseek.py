"""InfoSeek's questions (Chen et al., EMNLP 2023), each with the entity whose article answers it.

Published: `infoseek_{train,val,test,human}.jsonl` with `data_id`, `image_id`, `question`, `answer`, `answer_eval` and
`data_split` ("train" in the release page's example); that pictures are OVEN's; that `infoseek_{train,val}_withkb.jsonl`
names the entities, and that those of test and human are withheld. The scorer knows "unseen_question" by the end of
`data_split`, and takes all else for an unseen entity. Inferred, from repositories that read the files: the keys
`data_id`, `entity_id` and `entity_text` of `_withkb`, "val_unseen_question" and "val_unseen_entity" as a whole, and
that test and human have neither answers nor `data_split`. What `answer` holds is not looked at.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.jsonl import first_fault
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.kb.oven import oven_home
from indexer.kb.record import BadRecord, KnowledgeBase
from indexer.picture_paths import NoPlace, temporary_table
from training.data.annotation import Annotation, Split
from training.data.releases.articles import articles_of, name_of
from training.data.releases.oven_pictures import IMAGE_ID, OvenPictures
from training.data.releases.release import DataId, EntityId, Part, find_files, labelled

# A question nobody asked in training may be about an entity that was shown there: of the two, that one is seen.
SPLITS: Mapping[str, Split] = MappingProxyType(
    {"train": "train", "_unseen_question": "seen", "_unseen_entity": "unseen"}
)
LABELLED = (Part.TRAIN, Part.VAL)


class Line(BaseModel):
    """The keys of a question that are used."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    data_id: DataId
    image_id: Annotated[str, Field(pattern=IMAGE_ID)]
    question: str | None = None
    data_split: str | None = None


class Label(BaseModel):
    """The keys of a line of `_withkb` that are used."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    data_id: DataId
    entity_id: EntityId
    entity_text: str = ""


class InfoSeekAnnotations:
    """One part of the set; each mention is a whole picture, of which no size is declared.

    Args:
        folder: holds the annotation files, plain or gzipped, and `ovenid2impath.csv` if there is one; `oven_home()` if
            None.
        part: which files; there is no `wiki`. Where test's or human's `_withkb` file is there, it is read.
        images: as `training.data.releases.oven.OvenAnnotations` has it.
        titled: a knowledge base whose ids are not Wikidata's: the entity is the record of the title `entity_text`.

    Raises:
        WikiClipError: a file or the folder of pictures is missing.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        part: Part,
        images: Path | None = None,
        titled: KnowledgeBase | None = None,
    ) -> None:
        self.name = f"infoseek-{part}"
        self._part, self._titled = part, titled
        folder = folder or oven_home()
        self._pictures = OvenPictures(images or oven_home(), folder=folder)
        self._labels_name = f"infoseek_{part}_withkb.jsonl"
        labels = (self._labels_name, f"{self._labels_name}.gz")
        is_labelled = part in LABELLED or any((folder / name).is_file() for name in labels)
        questions = f"infoseek_{part}.jsonl"
        self._files = find_files(
            "InfoSeek",
            [(questions, f"{questions}.gz"), *([labels] if is_labelled else [])],
            folder=folder,
            pictures=self._pictures.folder,
            elsewhere=self._pictures.paths is not None,
        )

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        questions, *labels = self._files
        expect_one_object_a_line(questions)
        with (
            self._pictures.look_up() as place_of,
            nullcontext(_nothing) if self._titled is None else articles_of(self._titled) as titled,
            _labels(labels[0], titled) if labels else nullcontext(_nothing) as label_of,
        ):
            for number, line in read_lines(questions):
                yield self._read(f"{questions.name}:{number}", line, place_of, label_of)

    def __len__(self) -> int:
        return count_lines(self._files[0])

    def fingerprint(self) -> str:
        return self._pictures.fingerprint(self.name, self._files)

    def _read(
        self,
        where: str,
        line: bytes | None,
        place_of: Callable[[str], Path | NoPlace],
        label_of: Callable[[str], str | None],
    ) -> Annotation | BadRecord:
        if line is None:
            return BadRecord(where=where, why="the line is too long to be an annotation")
        try:
            row = Line.model_validate_json(line)
        except ValidationError as error:
            return BadRecord(where=where, why=first_fault(error))
        entity_id = label_of(row.data_id)
        if entity_id is None and len(self._files) > 1:
            return BadRecord(where=where, why=f"{self._labels_name} has no line that names its entity and can be read")
        return labelled(
            where=where,
            part=self._part,
            data_id=row.data_id,
            picture=place_of(row.image_id),
            region=None,
            entity_id=entity_id,
            data_split=row.data_split,
            task=None,
            question=row.question,
            splits=SPLITS,
        )


@contextmanager
def _labels(path: Path, titled: Callable[[str], str | None]) -> Iterator[Callable[[str], str | None]]:
    """Gives a look-up from data_id to entity_id; of two lines for one question, the first counts.

    A line that cannot be read leaves its question without an entity, which is then listed.
    """
    expect_one_object_a_line(path)
    with temporary_table("CREATE TABLE label (data_id BLOB PRIMARY KEY, entity_id TEXT) WITHOUT ROWID") as table:
        table.executemany("INSERT OR IGNORE INTO label VALUES (?, ?)", _rows(path, titled))

        def look_up(data_id: str) -> str | None:
            found = table.execute("SELECT entity_id FROM label WHERE data_id = ?", (_key(data_id),)).fetchone()
            return None if found is None else str(found[0])

        yield look_up


def _rows(path: Path, titled: Callable[[str], str | None]) -> Iterator[tuple[bytes, str]]:
    for _, line in read_lines(path):
        try:
            label = Label.model_validate_json(line or b"")
        except ValidationError:
            continue
        yield _key(label.data_id), titled(name_of(label.entity_text)) or label.entity_id


def _key(data_id: str) -> bytes:
    return data_id.encode("utf-8", "surrogatepass")  # JSON may hold half of a pair, which sqlite's texts may not


def _nothing(_: str) -> None:
    """The look-up where labels are withheld, or titles are not asked for."""
