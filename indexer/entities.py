"""The entity table: an Arrow file that is mapped into memory, and an index of ids beside it.

A look-up by id is a binary search in sorted 64-bit hashes, so that neither ids nor texts are held in memory.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity
from indexer.strings import StringLists, Strings

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


class EntityTable:
    """Entities by number, in the order of the knowledge base, or by id. Safe on any thread.

    Raises:
        CorruptIndex: the folder does not hold a table.
    """

    def __init__(self, folder: Path) -> None:
        batches = read_batches(folder / TABLE)
        self._blocks = [_Block(batch) for batch in batches]
        self._starts = [0, *accumulate(len(batch) for batch in batches)]
        self._hashes = read_array(folder / HASHES, np.uint64)
        self._numbers = read_array(folder / NUMBERS, np.uint32)
        if not len(self) == len(self._hashes) == len(self._numbers):
            raise CorruptIndex(f"{folder} has an index of ids that does not fit its entities; build the index again.")

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, number: int) -> Entity:
        """Raises IndexError where there is no such number."""
        block, row = self._place(number)
        return Entity(
            entity_id=block.entity_id[row],
            title=block.title[row],
            text=block.text[row],
            images=block.images[row],
            url=block.url.get(row),
            attribution=block.attribution.get(row),
        )

    def title(self, number: int) -> str:
        """An entity's title alone."""
        block, row = self._place(number)
        return block.title[row]

    def number_of(self, entity_id: str) -> int:
        """Raises UnknownEntity where no entity has the id."""
        wanted = np.uint64(_hash(entity_id))
        place = int(np.searchsorted(self._hashes, wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            number = int(self._numbers[place])
            block, row = self._place(number)
            if block.entity_id[row] == entity_id:
                return number
            place += 1
        raise UnknownEntity(f"The index holds no entity {entity_id[:100]!r}.")

    def _place(self, number: int) -> "tuple[_Block, int]":
        """An entity's block, and its row there."""
        if not 0 <= number < self._starts[-1]:
            raise IndexError(number)
        block = bisect_right(self._starts, number) - 1
        return self._blocks[block], number - self._starts[block]


class _Block:
    """The columns of one of the table's blocks."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.entity_id, self.title, self.text = (Strings(batch[name]) for name in ("entity_id", "title", "text"))
        self.images = StringLists(batch["images"])
        self.url, self.attribution = Strings(batch["url"]), Strings(batch["attribution"])


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
