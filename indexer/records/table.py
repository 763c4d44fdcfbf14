"""The entity table: an Arrow file that is mapped into memory, and an index of ids beside it.

An entity is one MessagePack array, not a value in each of ten columns: a look-up then touches two places of the file
where it would touch twenty, each a page from the disk when cold and a miss of the processor's caches when warm. A
look-up by id is a binary search in sorted 64-bit hashes, so that neither ids nor texts are held in memory.
"""

import hashlib
import mmap
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.arrays import expect_ascending, expect_each_once, read_array
from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity, filled

ARROW_SCHEMA = pa.schema([pa.field("entity", pa.binary(), nullable=False)])
TABLE, HASHES, NUMBERS = "entities.arrow", "id_hashes.npy", "id_numbers.npy"
PICTURED = "pictured.npy"  # which entities name a picture; not in shards from before it was kept
BLOCK_BYTES = 2**26  # of a table that is made of smaller blocks: what is in memory while it is written

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entity).decode


def to_batch(entities: Sequence[Entity]) -> pa.RecordBatch:
    """One block of the table.

    Raises:
        UnicodeEncodeError: a string holds half of a surrogate pair.
    """
    encoded = (_encode(entity[: filled(entity)]) for entity in entities)
    return pa.RecordBatch.from_arrays([pa.array(encoded, pa.binary())], schema=ARROW_SCHEMA)


def from_batch(batch: pa.RecordBatch) -> Iterator[Entity]:
    """The entities of a block."""
    return map(_decode, batch["entity"].to_pylist())


def write_batches(batches: Iterable[pa.RecordBatch], path: Path) -> None:
    """Writes blocks as an Arrow file, one at a time."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, ARROW_SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_batches(path: Path, *, scattered: bool = False) -> list[pa.RecordBatch]:
    """The blocks of an Arrow file; what they hold stays on the disk until it is looked at.

    Args:
        scattered: entities will be looked up here and there, so that the system shall not read on behind each.

    Raises:
        CorruptIndex: the file is not an entity table.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if scattered:
            mapped.madvise(mmap.MADV_RANDOM)
        reader = pa.ipc.open_file(pa.py_buffer(mapped))
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptIndex(f"{path} is not an entity table ({error}); build the index again.") from error
    if not reader.schema.equals(ARROW_SCHEMA):
        raise CorruptIndex(f"{path} has other columns than this version reads; build the index again.")
    return batches


def write_table(batches: Iterable[pa.RecordBatch], folder: Path) -> int:
    """Writes the table, its index of ids and which entities name a picture; returns how many entities there are."""
    hashes: list[NDArray[np.uint64]] = []
    pictured: list[NDArray[np.bool_]] = []

    def hashed(batch: pa.RecordBatch) -> pa.RecordBatch:
        entities = list(from_batch(batch))
        hashes.append(np.array([_hash(entity.entity_id) for entity in entities], dtype=np.uint64))
        pictured.append(_name_pictures(entities))
        return batch

    write_batches(_joined(hashed(batch) for batch in batches), folder / TABLE)
    hashes_E = np.concatenate([np.empty(0, dtype=np.uint64), *hashes])
    order_E = np.argsort(hashes_E, kind="stable")
    np.save(folder / HASHES, hashes_E[order_E])
    np.save(folder / NUMBERS, order_E.astype(np.uint32))
    np.save(folder / PICTURED, np.concatenate([np.empty(0, dtype=np.bool_), *pictured]))
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
        self._folder = folder
        batches = read_batches(folder / TABLE, scattered=True)
        self._blocks = [_Block(batch, folder / TABLE) for batch in batches]
        self._starts = [0, *accumulate(len(batch) for batch in batches)]
        self._hashes = read_array(folder / HASHES, np.uint64)
        self._numbers = read_array(folder / NUMBERS, np.uint32)
        if len(self._hashes) != len(self):
            raise CorruptIndex(f"{folder / HASHES} is not of {len(self):,} entities; build the index again.")
        expect_ascending(self._hashes, where=folder / HASHES)
        expect_each_once(self._numbers, len(self), where=folder / NUMBERS)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, number: int) -> Entity:
        """Raises IndexError where there is no such number, and CorruptIndex where what lies there is no entity."""
        if not 0 <= number < self._starts[-1]:
            raise IndexError(number)
        block = bisect_right(self._starts, number) - 1
        return self._blocks[block][number - self._starts[block]]

    def pictured(self) -> NDArray[np.bool_]:
        """[E], whether an entity names a picture; in memory. Where the table was written before this was kept, all
        entities are read for it: some seconds for a million.

        Raises:
            CorruptIndex: what is kept is not of the table's entities.
        """
        path = self._folder / PICTURED
        if not path.exists():
            blocks = (_name_pictures(from_batch(batch)) for batch in read_batches(self._folder / TABLE))
            return np.concatenate([np.empty(0, dtype=np.bool_), *blocks])
        pictured_E: NDArray[np.bool_] = np.array(read_array(path, np.bool_))
        if len(pictured_E) != len(self):
            raise CorruptIndex(f"{path} is not of {len(self):,} entities; build the index again.")
        return pictured_E

    def number_of(self, entity_id: str) -> int:
        """Raises UnknownEntity where no entity has the id."""
        wanted = np.uint64(_hash(entity_id))
        place = int(np.searchsorted(self._hashes, wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            number = int(self._numbers[place])
            if self[number].entity_id == entity_id:
                return number
            place += 1
        raise UnknownEntity(f"The index holds no entity {entity_id[:100]!r}.")


class _Block:
    """The entities of one of the table's blocks, straight out of the column's buffers: Arrow would copy each first.

    Raises:
        CorruptIndex: an entity begins or ends where there is none.
    """

    def __init__(self, batch: pa.RecordBatch, path: Path) -> None:
        _, offsets, data = batch["entity"].buffers()
        view = memoryview(offsets or b"")  # a column without rows may have no such buffer
        self._path = path
        self._offsets = view[: len(view) // 4 * 4].cast("i")
        self._data = memoryview(data or b"")
        ends_E = np.asarray(self._offsets)[: len(batch) + 1]
        if len(batch) and (
            len(ends_E) <= len(batch)
            or ends_E[0] < 0
            or ends_E[-1] > len(self._data)
            or (ends_E[1:] <= ends_E[:-1]).any()
        ):
            raise CorruptIndex(f"{path} names entities where there are none; build the index again.")

    def __getitem__(self, row: int) -> Entity:
        try:
            return _decode(self._data[self._offsets[row] : self._offsets[row + 1]])
        except msgspec.DecodeError as error:
            raise CorruptIndex(f"{self._path} holds what is no entity ({error}); build the index again.") from error


def _name_pictures(entities: Iterable[Entity]) -> NDArray[np.bool_]:
    return np.array([bool(entity.images) for entity in entities], dtype=np.bool_)


def _hash(entity_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(entity_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
