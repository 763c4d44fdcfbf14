"""The entity table: an Arrow file that is mapped into memory, and an index of ids beside it.

A look-up by id is a binary search in sorted 64-bit hashes, so that neither ids nor texts are held in memory.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity
from indexer.strings import NullableStrings, StringLists, Strings

SCHEMA = pa.schema(
    [
        pa.field("entity_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("images", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
        pa.field("url", pa.string()),
        pa.field("attribution", pa.string()),
    ]
)
TABLE, HASHES, NUMBERS = "entities.arrow", "id_hashes.npy", "id_numbers.npy"
BLOCK_BYTES = 2**26  # of a table that is made of smaller blocks: what is in memory while it is written


def to_batch(entities: Sequence[Entity]) -> pa.RecordBatch:
    """One block of the table."""
    columns = {name: [getattr(entity, name) for entity in entities] for name in SCHEMA.names}
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def write_batches(batches: Iterable[pa.RecordBatch], path: Path) -> None:
    """Writes blocks as an Arrow file, one at a time."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_batches(path: Path) -> list[pa.RecordBatch]:
    """The blocks of an Arrow file; their columns stay on the disk until they are looked at.

    Raises:
        CorruptIndex: the file is not an entity table.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    except (pa.ArrowException, OSError) as error:
        raise CorruptIndex(f"{path} is not an entity table ({error}); build the index again.") from error
    if not reader.schema.equals(SCHEMA):
        raise CorruptIndex(f"{path} has other columns than this version reads; build the index again.")
    return batches


def write_table(batches: Iterable[pa.RecordBatch], folder: Path) -> int:
    """Writes the table and its index of ids, and returns how many entities there are."""
    hashes: list[NDArray[np.uint64]] = []

    def hashed(batch: pa.RecordBatch) -> pa.RecordBatch:
        hashes.append(np.array([_hash(entity_id) for entity_id in batch["entity_id"].to_pylist()], dtype=np.uint64))
        return batch

    write_batches(_joined(hashed(batch) for batch in batches), folder / TABLE)
    hashes_E = np.concatenate([np.empty(0, dtype=np.uint64), *hashes])
    order_E = np.argsort(hashes_E, kind="stable")
    np.save(folder / HASHES, hashes_E[order_E])
    np.save(folder / NUMBERS, order_E.astype(np.uint32))
    return len(order_E)


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Larger blocks: entities that are looked up together then lie in few."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.nbytes for each in waiting) >= BLOCK_BYTES:
            yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()
            waiting = []
    if waiting:
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()


class Block:
    """One of a table's blocks, column by column."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._count = len(batch)
        self.entity_id, self.title, self._text = (Strings(batch[name]) for name in ("entity_id", "title", "text"))
        self._images = StringLists(batch["images"])
        self._url, self._attribution = NullableStrings(batch["url"]), NullableStrings(batch["attribution"])

    def __len__(self) -> int:
        return self._count

    def take(self, rows: Sequence[int]) -> list[Entity]:
        """The entities of some rows."""
        return [
            Entity(entity_id=entity_id, title=title, text=text, images=images, url=url, attribution=attribution)
            for entity_id, title, text, images, url, attribution in zip(
                self.entity_id.take(rows),
                self.title.take(rows),
                self._text.take(rows),
                self._images.take(rows),
                self._url.take(rows),
                self._attribution.take(rows),
                strict=True,
            )
        ]


class Blocks:
    """Entities by number, counted through several blocks. Safe on any thread."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(blocks)
        self._starts = [0, *accumulate(map(len, self.blocks))]

    def __len__(self) -> int:
        return self._starts[-1]

    def place(self, number: int) -> tuple[int, int]:
        """Which block an entity lies in, and in which row. Raises IndexError where there is no such number."""
        if not 0 <= number < self._starts[-1]:
            raise IndexError(number)
        block = bisect_right(self._starts, number) - 1
        return block, number - self._starts[block]

    def take(self, numbers: Iterable[int]) -> list[Entity]:
        """The entities of some numbers, in their order; quicker than one by one. Raises IndexError."""
        asked: dict[int, list[tuple[int, int]]] = {}
        for place, number in enumerate(numbers):
            block, row = self.place(number)
            asked.setdefault(block, []).append((place, row))
        found = [
            (place, entity)
            for block, some in asked.items()
            for (place, _), entity in zip(some, self.blocks[block].take([row for _, row in some]), strict=True)
        ]
        return [entity for _, entity in sorted(found, key=itemgetter(0))]


class EntityTable:
    """Entities by number, in the order of the knowledge base, or by id. Safe on any thread.

    Attributes:
        rows: the entities by number.

    Raises:
        CorruptIndex: the folder does not hold a table.
    """

    def __init__(self, folder: Path) -> None:
        self.rows = Blocks(Block(batch) for batch in read_batches(folder / TABLE))
        self._hashes = read_array(folder / HASHES, np.uint64)
        self._numbers = read_array(folder / NUMBERS, np.uint32)
        if not len(self) == len(self._hashes) == len(self._numbers):
            raise CorruptIndex(f"{folder} has an index of ids that does not fit its entities; build the index again.")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Entity:
        """Raises IndexError where there is no such number."""
        return self.rows.take([number])[0]

    def title(self, number: int) -> str:
        """An entity's title alone."""
        block, row = self.rows.place(number)
        return self.rows.blocks[block].title[row]

    def number_of(self, entity_id: str) -> int:
        """Raises UnknownEntity where no entity has the id."""
        wanted = np.uint64(_hash(entity_id))
        place = int(np.searchsorted(self._hashes, wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            number = int(self._numbers[place])
            block, row = self.rows.place(number)
            if self.rows.blocks[block].entity_id[row] == entity_id:
                return number
            place += 1
        raise UnknownEntity(f"The index holds no entity {entity_id[:100]!r}.")


def read_array(path: Path, kind: type[np.generic], *, axes: int = 1) -> NDArray[Any]:
    """An array that stays on the disk until it is looked at.

    Raises:
        CorruptIndex: the file is not an array of that kind.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise CorruptIndex(f"{path} is not an array ({error}); build the index again.") from error
    if array.dtype != kind or array.ndim != axes:
        raise CorruptIndex(f"{path} holds {array.dtype} of {array.ndim} axes; build the index again.")
    return array


def _hash(entity_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(entity_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
