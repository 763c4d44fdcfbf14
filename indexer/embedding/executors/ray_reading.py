"""The records as a data set of Ray Data: a row for each stretch whose chunk is missing.

One task reads, on the machine of the command, as far ahead as Ray's back-pressure lets it. So the records are read
once, however many workers there are, and only this machine needs their file: that an id comes twice shows only to who
has read all before it.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from ray.data import Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from indexer.embedding.chunks import stored_numbers
from indexer.embedding.embed import stretches
from indexer.embedding.plan import Plan
from indexer.kb.record import KnowledgeBase
from wikiclip.base.errors import WikiClipError

# number: of a chunk; in the last row how many there are. records: pickled; none in the last row. fault: what ended it.
ROW = pa.schema([("number", pa.int64()), ("records", pa.large_binary()), ("fault", pa.string())])


class Stretches(Datasource):
    """The stretches of a plan whose chunks a workshop lacks."""

    def __init__(self, source: KnowledgeBase, plan: Plan, workshop: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._source, self._plan, self._workshop = source, plan, workshop

    def estimate_inmemory_data_size(self) -> int | None:
        """Nobody knows before they are read."""
        return None

    def get_read_tasks(self, parallelism: int, *_: object, **__: object) -> list[ReadTask]:
        """One, which reads them in their order."""
        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(_reader(self._source, self._plan, self._workshop), metadata, schema=ROW)]


def _reader(source: KnowledgeBase, plan: Plan, workshop: Path) -> Callable[[], Iterable[pa.Table]]:
    return lambda: _rows(source, plan, workshop)


def _rows(source: KnowledgeBase, plan: Plan, workshop: Path) -> Iterator[pa.Table]:
    stored, chunks = stored_numbers(workshop), 0
    try:
        for number, stretch in stretches(source, plan):
            chunks = number + 1
            if number not in stored:
                yield _row(number, records=pickle.dumps(stretch))
    except WikiClipError as error:  # as data: raised in a task of Ray's it would come out as a trace
        yield _row(chunks, fault=str(error))
    else:
        yield _row(chunks)


def _row(number: int, *, records: bytes | None = None, fault: str | None = None) -> pa.Table:
    return pa.table({"number": [number], "records": [records], "fault": [fault]}, schema=ROW)
