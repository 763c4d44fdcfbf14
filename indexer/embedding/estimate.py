"""What a build will take, said beforehand: `python -m indexer.build --plan`.

A sample of the records is embedded for real, entities with pictures apart from those without, since a picture costs
many times what a text does and a plain sample would hold few.
"""

import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import torch

from indexer.embedding.chunks import Chunk
from indexer.embedding.pending import BATCH_ROWS, PendingChunk, workers
from indexer.embedding.plan import CHUNK_RECORDS
from indexer.embedding.replicas import Replicas
from indexer.kb.record import BadRecord, Entity, KnowledgeBase
from indexer.records.table import to_batch
from wikiclip.base.errors import WikiClipError

READ = 100_000  # records that the sample is drawn from; to read six million takes minutes
TEXT_BATCHES, PICTURE_BATCHES = 4, 1  # of the sample, for each worker
ROW_BYTES = 4  # of a row in the table of rows, in chunks and in the index
LOOK_UP_BYTES = 12  # an entity in the index of ids

NOT_INCLUDED = "Not included: the time to train and fill the index, to verify and to publish it; the look-up of titles."


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a build is expected to take. Sizes are in bytes.

    Attributes:
        records: in the knowledge base, bad ones counted.
        read: of these, how many the sample was drawn from: the first.
        sampled: how many of those were embedded.
        rows: vectors; unreadable pictures counted.
        seconds: to read and embed all records.
        memory: resident while embedding: the model, batches in hand, and two chunks.
        chunks: on the disk until the index is published: vectors and entity table.
        version: on the disk after it: the index and the entity table.
        index_memory: anonymous memory of the opened index.
    """

    records: int
    read: int
    sampled: int
    rows: int
    seconds: float
    memory: int
    chunks: int
    version: int
    index_memory: int

    def lines(self) -> list[str]:
        """The same for people, a sentence each."""
        drawn = "all of them" if self.read >= self.records else f"the first {self.read:,}"
        return [
            f"{self.records:,} records, {self.rows:,} vectors; {self.sampled:,} records, drawn from {drawn}, were"
            " embedded to see how long it takes.",
            f"Time: {duration(self.seconds)} to embed, {self.records / max(self.seconds, 1e-9):,.0f} records a second.",
            f"Memory: {size(self.memory)} while embedding; {size(self.index_memory)} for the index once it is open.",
            f"Disk: {size(self.chunks + self.version)} at the end of the build, of which {size(self.version)} stay.",
            NOT_INCLUDED,
        ]


def estimate(kb: KnowledgeBase, replicas: Replicas, kind_cost: Callable[[int, int], tuple[int, int]]) -> Estimate:
    """Reads the first records and embeds a few hundred of them.

    Time is reading and embedding one after the other: they overlap in a build, but share the interpreter, so that this
    is at most a little too long.

    Args:
        kind_cost: (rows, width) to the (memory, disk) of the index kind, in bytes.

    Raises:
        WikiClipError: among the first records none can be read.
    """
    threads = torch.get_num_threads()
    texts = Stratum(most=TEXT_BATCHES * BATCH_ROWS * threads)
    pictured = Stratum(most=PICTURE_BATCHES * BATCH_ROWS * threads)
    started, read = time.perf_counter(), 0
    for record in islice(kb.records(), READ):
        read += 1
        if not isinstance(record, BadRecord):
            (pictured if record.images else texts).offer(record)
    reading = time.perf_counter() - started
    strata = [stratum for stratum in (texts, pictured) if stratum.seen]
    if not strata:
        raise WikiClipError("There is no record that can be read; look at the file that was named.")

    sizes = [stratum.measure(kb, replicas) for stratum in strata]
    records = read if read < READ else max(len(kb), read)
    scale = records / read
    table = round(scale * sum(measured.table for measured in sizes))
    entities, rows = (round(scale * sum(each)) for each in zip(*((s.seen, s.rows) for s in strata), strict=True))
    vectors = rows * (2 * replicas.mention_width + ROW_BYTES)
    index_memory, index_disk = kind_cost(rows, replicas.mention_width)
    return Estimate(
        records=records,
        read=read,
        sampled=sum(len(stratum.kept) for stratum in strata),
        rows=rows,
        seconds=scale * (reading + sum(measured.seconds for measured in sizes)),
        memory=peak_memory() + round(min(2 * CHUNK_RECORDS / records, 1) * (vectors + 2 * table)),
        chunks=vectors + table,
        version=index_disk + rows * ROW_BYTES + entities * LOOK_UP_BYTES + table,
        index_memory=index_memory,
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What all the entities of a stratum take, as far as they were read: `table` in bytes."""

    seconds: float
    table: int


@dataclass(kw_only=True)
class Stratum:
    """Entities of one sort, and an even sample of them that a seed settles (Vitter's algorithm R).

    Attributes:
        most: entities that are kept.
        seen, rows: of those that were offered.
    """

    most: int
    seen: int = 0
    rows: int = 0
    kept: list[Entity] = field(default_factory=list)
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def offer(self, entity: Entity) -> None:
        """Keeps the entity with the chance that all have."""
        self.seen += 1
        self.rows += max(len(entity.images), 1)
        if len(self.kept) < self.most:
            self.kept.append(entity)
        elif (place := self.draw.randrange(self.seen)) < self.most:
            self.kept[place] = entity

    def measure(self, kb: KnowledgeBase, replicas: Replicas) -> Measured:
        """Embeds the sample and scales up to what was seen."""
        with workers() as pool:

            def embedded(entities: list[Entity]) -> Chunk:
                pending = PendingChunk(entities, kb.image_root, replicas, pool, follow_links=kb.follow_links)
                return pending.finish(_ignore)

            embedded(self.kept[:8])  # the first batch is a slow one
            started = time.perf_counter()
            chunk = embedded(self.kept)
            seconds = time.perf_counter() - started
        scale = self.seen / len(self.kept)
        return Measured(seconds=scale * seconds, table=round(scale * to_batch(chunk.entities).nbytes))


def peak_memory() -> int:
    """The most that this process had resident so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def duration(seconds: float) -> str:
    """Such as "40 s", "12 min", "2 h 10 min", "3 days 4 h"."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def size(count: int) -> str:
    """Gigabytes, with two places below ten; what is smaller than a hundredth is said to be so."""
    gigabytes = count / 1e9
    if gigabytes < 0.01:
        return "under 0.01 GB"
    return f"{gigabytes:.2f} GB" if gigabytes < 10 else f"{gigabytes:,.0f} GB"


def _ignore(_: object) -> None:
    pass
