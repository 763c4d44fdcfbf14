"""The tags of a shard: for each, in ascending order, the entities that have it.

One Arrow file, which is mapped: a look-up is a binary search among the tags, and gives a part of the file.

Axes: K entity that has a tag, P place in the lists of all tags, T tag.
"""

import mmap
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from indexer.records.table import TABLE, from_batch, read_batches

TAGS = "tags.arrow"  # not in shards from before there were filters
_SCHEMA = pa.schema(
    [
        pa.field("tag", pa.large_string(), nullable=False),
        pa.field("entities", pa.large_list(pa.field("item", pa.uint32(), nullable=False)), nullable=False),
    ]
)


def write_tags(folder: Path) -> None:
    """Writes the tags of a shard whose table is already there. Holds 4 bytes for each tag of each entity.

    Raises:
        CorruptIndex: the folder does not hold a table.
    """
    with pa.OSFile(str(folder / TAGS), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
        writer.write_batch(_gathered(folder))


class TagTable:
    """Entities of a shard, by its own numbers, by tag. Safe on any thread.

    Args:
        folder: the shard's folder.
        entities: how many the shard holds.
        is_kept: whether the shard has a file of tags. Where it was written before there was one, all its entities are
            read instead: some seconds for a million.
        mapped: gives the file's content where somebody holds it open, so that its name may be gone meanwhile.

    Attributes:
        count: how many entities the shard holds.
        tags_T: the tags, an array of Arrow's, in ascending order.

    Raises:
        CorruptIndex: the file is missing, or does not tell of so many entities.
    """

    def __init__(
        self,
        folder: Path,
        *,
        entities: int,
        is_kept: bool = True,
        mapped: Callable[[], mmap.mmap] | None = None,
    ) -> None:
        path = folder / TAGS
        batch = _read(path, mapped or partial(_map, path)) if is_kept else _gathered(folder)
        self.count, self.tags_T = entities, batch["tag"]
        self._ends_T = np.asarray(batch["entities"].offsets)
        self._numbers_P: NDArray[np.uint32] = np.asarray(batch["entities"].values)
        if not self._is_sound(entities):
            raise CorruptIndex(f"{folder / TAGS} is not of {entities:,} entities; build the index again.")

    def __len__(self) -> int:
        """How many tags there are."""
        return len(self.tags_T)

    def entities(self, tag: str) -> NDArray[np.uint32]:
        """Numbers of the entities [K] that have a tag, ascending; none where nobody has it."""
        place = bisect_left(range(len(self)), tag, key=lambda number: str(self.tags_T[number]))
        is_there = place < len(self) and str(self.tags_T[place]) == tag
        return self.entities_at(place) if is_there else self._numbers_P[:0]

    def entities_at(self, place: int) -> NDArray[np.uint32]:
        """The same by the tag's place in the order of tags."""
        return self._numbers_P[self._ends_T[place] : self._ends_T[place + 1]]

    def counts(self, living_E: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many living entities have each tag, [T].

        Args:
            living_E: whether each of the shard's entities lives.
        """
        ends_T = self._ends_T
        if not living_E.all():
            before_P = np.concatenate([np.zeros(1, np.int64), np.cumsum(living_E[self._numbers_P], dtype=np.int64)])
            ends_T = before_P[ends_T]
        counts_T: NDArray[np.int64] = np.diff(ends_T)
        return counts_T

    def _is_sound(self, entities: int) -> bool:
        tags_T, ends_T, numbers_P = self.tags_T, self._ends_T, self._numbers_P
        if len(tags_T) == 0:
            return len(numbers_P) == 0
        if ends_T[0] != 0 or ends_T[-1] != len(numbers_P) or (ends_T[1:] <= ends_T[:-1]).any():
            return False
        if numbers_P.max() >= entities or not pc.all(pc.less(tags_T[:-1], tags_T[1:]), min_count=0).as_py():
            return False
        # An entity follows a lower one, but for the first of each tag.
        rises_P = numbers_P[1:] > numbers_P[:-1]
        rises_P[ends_T[1:-1] - 1] = True
        return bool(rises_P.all())


def _gathered(folder: Path) -> pa.RecordBatch:
    """What the file holds, from the table of the shard's entities."""
    having: dict[str, array[int]] = defaultdict(lambda: array("I"))
    entities = chain.from_iterable(map(from_batch, read_batches(folder / TABLE)))
    for number, entity in enumerate(entities):
        for tag in set(entity.tags):
            having[tag].append(number)
    tags = sorted(having)
    ends_T = np.cumsum([0, *(len(having[tag]) for tag in tags)], dtype=np.int64)
    numbers_P = np.concatenate([np.empty(0, np.uint32), *(np.frombuffer(having[tag], np.uint32) for tag in tags)])
    lists = pa.LargeListArray.from_arrays(pa.array(ends_T), pa.array(numbers_P), type=_SCHEMA.field("entities").type)
    return pa.RecordBatch.from_arrays([pa.array(tags, pa.large_string()), lists], schema=_SCHEMA)


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _read(path: Path, mapped: Callable[[], mmap.mmap]) -> pa.RecordBatch:
    try:
        reader = pa.ipc.open_file(pa.py_buffer(mapped()))
        if not reader.schema.equals(_SCHEMA) or reader.num_record_batches != 1:
            raise CorruptIndex(f"{path} has other columns than this version reads; build the index again.")
        batch = reader.get_batch(0)
        batch.validate(full=True)
        if any(column.null_count for column in (*batch.columns, batch["entities"].values)):
            raise ValueError("it leaves values out")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptIndex(f"{path} is not a table of tags ({error}); build the index again.") from error
    return batch
