"""Chunks: the embedded records of one stretch of a knowledge base, as they lie on the disk between embedding and index.

A chunk is a folder that gets its name once it is whole, so a chunk that exists never needs to be made again.

Axes: N row, M vector width.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.arrays import read_array
from indexer.kb.record import BadRecord, Entity
from indexer.records.table import TABLE, read_batches, to_batch, write_batches
from wikiclip.base.files import shared_folder

CHUNKS = "chunks"
VECTORS, ROWS, PROBLEMS = "vectors.npy", "rows.npy", "problems.jsonl"


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """What a stretch of records became.

    Attributes:
        entities: those that could be read, in the knowledge base's order.
        vectors_NM: one row a picture, or one for an entity without; an entity's rows lie together.
        entity_of_row_N: which of `entities` a row belongs to.
        problems: records and pictures that could not be read.
    """

    entities: Sequence[Entity]
    vectors_NM: NDArray[np.float16]
    entity_of_row_N: NDArray[np.uint32]
    problems: Sequence[BadRecord]


@dataclass(frozen=True)
class StoredChunk:
    """A chunk on the disk; nothing is read before it is asked for."""

    folder: Path

    def exists(self) -> bool:
        return self.folder.is_dir()

    def entities(self) -> list[pa.RecordBatch]:
        return read_batches(self.folder / TABLE)

    def count(self) -> int:
        """How many entities there are."""
        return sum(len(batch) for batch in self.entities())

    def vectors(self) -> NDArray[np.float16]:
        return read_array(self.folder / VECTORS, np.float16, axes=2)

    def entity_of_row(self) -> NDArray[np.uint32]:
        return read_array(self.folder / ROWS, np.uint32)

    def problems(self) -> list[BadRecord]:
        return read_problems(self.folder / PROBLEMS)

    def write(self, chunk: Chunk) -> None:
        """Writes the chunk so that it exists whole or not at all, whoever else writes it at the same time."""
        with shared_folder(self.folder) as partial:
            write_batches([to_batch(chunk.entities)], partial / TABLE)
            np.save(partial / VECTORS, chunk.vectors_NM)
            np.save(partial / ROWS, chunk.entity_of_row_N)
            write_problems(chunk.problems, partial / PROBLEMS)


def stored_chunk(workshop: Path, number: int) -> StoredChunk:
    """The chunk of that number, whether it exists or not."""
    return StoredChunk(workshop / CHUNKS / f"{number:06d}")


def stored_numbers(workshop: Path) -> set[int]:
    """The numbers of the chunks that exist. A network's file system answers this freshly, since it lists the folder;
    whether one path is there it may answer as it was a minute ago."""
    try:
        return {int(path.name) for path in (workshop / CHUNKS).iterdir() if path.name.isdecimal()}
    except FileNotFoundError:
        return set()


def problems_of(workshop: Path, chunks: int) -> Iterator[BadRecord]:
    """What could not be read, over all chunks."""
    for number in range(chunks):
        yield from stored_chunk(workshop, number).problems()


def write_problems(problems: Iterable[BadRecord], path: Path) -> int:
    """Writes one JSON object a line and returns how many there were."""
    with path.open("w", encoding="utf-8") as file:
        return sum(1 for problem in problems if file.write(json.dumps(asdict(problem)) + "\n"))


def read_problems(path: Path) -> list[BadRecord]:
    """What `write_problems` wrote."""
    with path.open(encoding="utf-8") as file:
        return [BadRecord(**json.loads(line)) for line in file]
