"""Annotations by number, mapped into memory: millions of them, with their regions, do not fit into objects.

A release is read once for each state of its files and of the knowledge base; what could not be used is listed beside
the table.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from tqdm import tqdm

from indexer.errors import BadRecordFound, UnknownEntity
from indexer.records.table import EntityTable
from training.data.annotation import AnnotatedSet, Annotation, Split, Task
from training.data.problems import ProblemCode, Problems, checked, summary
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_folder, write_text
from wikiclip.base.locks import locked
from wikiclip.base.paths import features_home

ANNOTATIONS_VERSION = 2  # counts up with each change to what is read of an annotation
BLOCK = 4096
TABLE, REPORT, COUNTS = "annotations.arrow", "problems.jsonl", "tally.json"
ARROW_SCHEMA = pa.schema(
    [
        pa.field("data_id", pa.string(), nullable=False),
        pa.field("picture", pa.binary(), nullable=False),  # a path, whose bytes need not be UTF-8
        pa.field("region", pa.string()),  # JSON
        pa.field("row", pa.int64(), nullable=False),  # of the record that it shows
        pa.field("split", pa.string(), nullable=False),
        pa.field("task", pa.string()),
        pa.field("question", pa.string()),
        pa.field("width", pa.float64()),  # as declared, where the region rests on it
        pa.field("height", pa.float64()),
        pa.field("chance", pa.uint64(), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class ReadCounts:
    """What a pass over a set came to: annotations looked at, those kept, and how often each problem was found."""

    read: int
    kept: int
    problems: dict[ProblemCode, int]


class AnnotationTable:
    """The annotations of a set that can be used, in its order, by number. Safe on any thread.

    Attributes:
        folder: what was read, `REPORT` included.
        row_N: the row of the record that each shows.
        chance_N: a number drawn for each, the same wherever in the set it stands.
        left_out: how many annotations of the set could not be used.
    """

    def __init__(self, folder: Path, entities: EntityTable) -> None:
        """Opens what `open_annotations` made of a set.

        Raises:
            WikiClipError: it was changed.
        """
        self.folder, self._entities = folder, entities
        try:
            self._counts = TypeAdapter(ReadCounts).validate_json((folder / COUNTS).read_bytes(), strict=True)
            self._table = pa.ipc.open_file(pa.memory_map(str(folder / TABLE))).read_all()
        except (pa.ArrowException, OSError, ValidationError) as error:
            cause = str(error).splitlines()[0]
            raise WikiClipError(f"{folder} cannot be read ({cause}); remove it, and it is made again.") from error
        if not self._table.schema.equals(ARROW_SCHEMA) or len(self._table) != self._counts.kept:
            raise WikiClipError(f"{folder} was changed; remove it, and it is made again.")
        self.left_out = self._counts.read - self._counts.kept
        self.row_N: NDArray[np.int64] = self._table["row"].to_numpy()
        self.chance_N: NDArray[np.uint64] = self._table["chance"].to_numpy()
        if len(self) and not 0 <= self.row_N.min() <= self.row_N.max() < len(entities):
            raise WikiClipError(f"{folder} names records that there are not; remove it, and it is made again.")

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, number: int) -> Annotation:
        fields = (column[number].as_py() for column in self._table)
        data_id, picture, region, row, split, task, question, width, height, _ = fields
        return Annotation(
            data_id=data_id,
            picture=Path(os.fsdecode(picture)),
            region=None if region is None else json.loads(region),
            entity_id=self._entities[row].entity_id,
            split=split,
            task=task,
            question=question,
            declared=(width, height),
        )

    def data_ids(self, numbers: NDArray[np.int64]) -> list[str]:
        """The data_id of each number."""
        column = self._table["data_id"]
        return [column[int(number)].as_py() for number in numbers]

    def questions(self, numbers: NDArray[np.int64]) -> list[str | None]:
        """The question of each number, where there is one."""
        column = self._table["question"]
        return [column[int(number)].as_py() for number in numbers]

    def numbers(self, split: Split, task: Task | None = None) -> NDArray[np.int64]:
        """Numbers of the annotations of a split, of one task or of all, ascending."""
        chosen = pc.equal(self._table["split"], split)
        if task is not None:
            chosen = pc.and_(chosen, pc.fill_null(pc.equal(self._table["task"], task), False))
        return np.flatnonzero(chosen.to_numpy())

    def summary(self) -> str:
        """What was left out, in one line for a person."""
        return summary(self._counts.read, self._counts.problems, self.folder / REPORT)


def open_annotations(
    annotated: AnnotatedSet, entities: EntityTable, kb_fingerprint: str, *, strict: bool = False
) -> AnnotationTable:
    """The annotations; read from the set once, with a progress bar, and kept. A second process waits for the first.

    Args:
        entities: the knowledge base's records.
        kb_fingerprint: of the knowledge base that they were read from.
        strict: the first annotation that cannot be used is the end.

    Raises:
        BadRecordFound: `strict`, and there is one.
        WikiClipError: a file is damaged.
    """
    key = json.dumps([ANNOTATIONS_VERSION, annotated.name, annotated.fingerprint(), kb_fingerprint])
    folder = features_home() / f"annotations-{annotated.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            with appearing_folder(folder) as partial:
                _read(annotated, entities, partial, strict=strict)
    table = AnnotationTable(folder, entities)
    if strict and table.left_out:
        raise BadRecordFound(table.summary())
    return table


def _read(annotated: AnnotatedSet, entities: EntityTable, folder: Path, *, strict: bool) -> None:
    rows = _Rows(entities)
    bar = tqdm(annotated, total=len(annotated), desc=f"Reading {annotated.name}", unit=" annotations")
    with (
        Problems(folder / REPORT, strict=strict) as problems,
        pa.OSFile(str(folder / TABLE), "wb") as sink,
        pa.ipc.new_file(sink, ARROW_SCHEMA) as writer,
    ):
        kept = 0
        for batch in _batches(checked(bar, rows, problems), rows):
            writer.write_batch(batch)
            kept += len(batch)
    counts = ReadCounts(read=problems.read, kept=kept, problems=dict(problems.counts))
    write_text(folder / COUNTS, TypeAdapter(ReadCounts).dump_json(counts).decode())


def _batches(annotations: Iterator[Annotation], rows: "_Rows") -> Iterator[pa.RecordBatch]:
    while block := list(islice(annotations, BLOCK)):
        columns: dict[str, list[Any]] = {
            "data_id": [one.data_id for one in block],
            "picture": [os.fsencode(one.picture.absolute()) for one in block],
            "region": [None if one.region is None else json.dumps(one.region) for one in block],
            "row": [rows.of(one.entity_id) for one in block],
            "split": [one.split for one in block],
            "task": [one.task for one in block],
            "question": [one.question for one in block],
            "width": [one.declared[0] for one in block],
            "height": [one.declared[1] for one in block],
            "chance": [_chance(one.data_id) for one in block],
        }
        yield pa.RecordBatch.from_pydict(columns, schema=ARROW_SCHEMA)


class _Rows:
    """The records' rows by id, as a container of ids; a set names few entities very often."""

    def __init__(self, entities: EntityTable) -> None:
        self._entities = entities
        self.of = lru_cache(2**16)(self._look_up)

    def __contains__(self, entity_id: object) -> bool:
        return isinstance(entity_id, str) and self.of(entity_id) is not None

    def _look_up(self, entity_id: str) -> int | None:
        try:
            return self._entities.number_of(entity_id)
        except UnknownEntity:
            return None


def _chance(data_id: str) -> int:
    digest = hashlib.blake2b(data_id.encode("utf-8", "surrogatepass"), digest_size=8, key=b"chance")
    return int.from_bytes(digest.digest(), "little")
