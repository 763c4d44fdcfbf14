"""Records to stored chunks, as a pipeline: while a stretch of records is embedded, the one before it is written and the
one after it is read."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Never

from tqdm import tqdm

from indexer.embedding.chunks import StoredChunk, stored_chunk
from indexer.embedding.pending import PendingChunk, workers
from indexer.embedding.plan import Plan
from indexer.embedding.replicas import Replicas
from indexer.errors import BadRecordFound
from indexer.kb.record import BadRecord, Entity, KnowledgeBase

IN_FLIGHT = 2  # the one that is embedded, and the one before it that is written or the one after it that is read


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A stretch of records in the queue: where its chunk goes; `pending` is None where the chunk was there before."""

    chunk: StoredChunk
    records: int
    pending: PendingChunk | None


def stretches(kb: KnowledgeBase, plan: Plan) -> Iterator[tuple[int, list[Entity | BadRecord]]]:
    """Cuts the records into the plan's stretches: yields the number of a chunk and what it is made of."""
    records, number = kb.records(), 0
    while stretch := list(islice(records, plan.chunk_records)):
        yield number, stretch
        number += 1


def every(_: int) -> bool:
    """Whether a chunk of this number is made here, where all are."""
    return True


def embed(
    kb: KnowledgeBase,
    replicas: Replicas,
    plan: Plan,
    workshop: Path,
    *,
    strict: bool = False,
    mine: Callable[[int], bool] = every,
) -> int:
    """Embeds what is not yet embedded and returns the number of chunks, with a progress bar on the way.

    The next stretch is in the pool before the last batches of this one are done, so the workers idle at no border.
    Chunks are written in order, each as soon as it is whole: a crash loses one chunk and the batches in hand.

    Memory does not grow with the knowledge base. Held at once are the records of two chunks (`plan.chunk_records` each,
    one of them a second time as the Arrow table that is being written), their vectors (`dimension` times 2 bytes a row,
    a row a picture), and for each worker one batch: `BATCH_ROWS` views, one decoded picture, and the towers' own.

    Args:
        mine: whether the chunk of a number is made here. The records of others are read, since an id may come twice.

    Raises:
        BadRecordFound: `strict`, and a record or picture could not be read; the chunks up to it stay.
        WikiClipError: the knowledge base's own files are damaged, or the encoder failed.
    """
    under_way, chunks = deque[Queued](), 0
    with (
        tqdm(total=len(kb), unit=" records", desc=f"Embedding {kb.name} on {replicas.where}") as bar,
        workers() as pool,
    ):
        for number, stretch in stretches(kb, plan):
            chunks = number + 1
            if not mine(number):
                pass_over(len(stretch), bar)
                continue
            chunk, pending = stored_chunk(workshop, number), None
            if not chunk.exists():
                pending = PendingChunk(stretch, kb.image_root, replicas, pool, follow_links=kb.follow_links)
            under_way.append(Queued(chunk=chunk, records=len(stretch), pending=pending))
            if len(under_way) == IN_FLIGHT:
                _write(under_way.popleft(), bar, strict=strict)
        while under_way:
            _write(under_way.popleft(), bar, strict=strict)
    return chunks


def _write(queued: Queued, bar: "tqdm[Never]", *, strict: bool) -> None:
    """Waits for a chunk and writes it; in a function of its own, which holds nothing of it while the next is read."""
    if queued.pending is None:
        pass_over(queued.records, bar)
    else:
        queued.chunk.write(queued.pending.finish(bar.update))
    if strict:
        expect_all_read(queued.chunk)


def pass_over(records: int, bar: "tqdm[Never]") -> None:
    """Counts records that this run does not embed, so that the rate is that of what it does."""
    bar.initial += records
    bar.update(records)


def expect_all_read(chunk: StoredChunk) -> None:
    """Raises BadRecordFound where something of a chunk could not be read."""
    if problems := chunk.problems():
        raise BadRecordFound(f"{problems[0].where}: {problems[0].why}. Mend it, or build without --strict.")
