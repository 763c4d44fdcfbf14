"""Records to stored chunks, as a pipeline: while a stretch of records is embedded, the one before it is written and the
one after it is read."""

from collections import deque
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
from indexer.kb.record import KnowledgeBase

IN_FLIGHT = 2  # the one that is embedded, and the one before it that is written or the one after it that is read


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A stretch of records in the queue: where its chunk goes; `pending` is None where the chunk was there before."""

    chunk: StoredChunk
    records: int
    pending: PendingChunk | None


def embed(kb: KnowledgeBase, replicas: Replicas, plan: Plan, workshop: Path, *, strict: bool = False) -> int:
    """Embeds what is not yet embedded and returns the number of chunks, with a progress bar on the way.

    The next stretch is in the pool before the last batches of this one are done, so the workers idle at no border.
    Chunks are written in order, each as soon as it is whole: a crash loses one chunk and the batches in hand.

    Memory does not grow with the knowledge base. Held at once are the records of two chunks (`plan.chunk_records` each,
    one of them a second time as the Arrow table that is being written), their vectors (`dimension` times 2 bytes a row,
    a row a picture), and for each worker one batch: `BATCH_ROWS` views, one decoded picture, and the towers' own.

    Raises:
        BadRecordFound: `strict`, and a record or picture could not be read; the chunks up to it stay.
        WikiClipError: the knowledge base's own files are damaged, or the encoder failed.
    """
    records, under_way, chunks = kb.records(), deque[Queued](), 0
    with (
        tqdm(total=len(kb), unit=" records", desc=f"Embedding {kb.name} on {replicas.where}") as bar,
        workers() as pool,
    ):
        while stretch := list(islice(records, plan.chunk_records)):
            chunk = stored_chunk(workshop, chunks)
            pending = None
            if not chunk.exists():
                pending = PendingChunk(stretch, kb.image_root, replicas, pool, follow_links=kb.follow_links)
            under_way.append(Queued(chunk=chunk, records=len(stretch), pending=pending))
            chunks += 1
            if len(under_way) == IN_FLIGHT:
                _write(under_way.popleft(), bar, strict=strict)
        while under_way:
            _write(under_way.popleft(), bar, strict=strict)
    return chunks


def _write(queued: Queued, bar: "tqdm[Never]", *, strict: bool) -> None:
    """Waits for a chunk and writes it; in a function of its own, which holds nothing of it while the next is read."""
    if queued.pending is None:
        bar.initial += queued.records  # so that the rate counts only what this run did
        bar.update(queued.records)
    else:
        queued.chunk.write(queued.pending.finish(bar.update))
    if strict and (problems := queued.chunk.problems()):
        raise BadRecordFound(f"{problems[0].where}: {problems[0].why}. Mend it, or build without --strict.")
