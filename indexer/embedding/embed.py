"""Records to stored chunks, as a pipeline: while a stretch is encoded, the one before it is written and the one after
it is read."""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Never

from tqdm import tqdm

from indexer.embedding.chunks import StoredChunk, stored_chunk
from indexer.embedding.encoding import Encoding, workers
from indexer.embedding.plan import Plan
from indexer.embedding.replicas import Encoders
from indexer.errors import BadRecordFound
from indexer.kb.record import KnowledgeBase

IN_FLIGHT = 2  # the one that is encoded, and the one before it that is written or the one after it that is read


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A chunk's place in the queue; `encoding` is None where the chunk was there before."""

    chunk: StoredChunk
    records: int
    encoding: Encoding | None


def embed(kb: KnowledgeBase, encoders: Encoders, plan: Plan, workshop: Path, *, strict: bool = False) -> int:
    """Embeds what is not yet embedded and returns the number of chunks, with a progress bar on the way.

    The next stretch is in the pool before the last batches of this one are done, so the workers idle at no border.
    Chunks are written in order, each as soon as it is whole: a crash loses one chunk and the batches in hand.

    Memory does not grow with the knowledge base. Held at once are the records of two chunks (`plan.chunk_records` each,
    one of them a second time as the Arrow table that is being written), their vectors (`dimension` times 2 bytes a row,
    a row a picture), and for each worker one batch: `BATCH_ROWS` views, one decoded picture, and the encoder's own.

    Raises:
        BadRecordFound: `strict`, and a record or picture could not be read; the chunks up to it stay.
        WikiClipError: the knowledge base's own files are damaged, or the encoder failed.
    """
    records, under_way, chunks = kb.records(), deque[Stretch](), 0
    with (
        tqdm(total=len(kb), unit=" records", desc=f"Embedding {kb.name} on {encoders.where}") as bar,
        workers() as pool,
    ):
        while stretch := list(islice(records, plan.chunk_records)):
            chunk = stored_chunk(workshop, chunks)
            encoding = None if chunk.exists() else Encoding(stretch, kb.image_root, encoders, pool)
            under_way.append(Stretch(chunk=chunk, records=len(stretch), encoding=encoding))
            chunks += 1
            if len(under_way) == IN_FLIGHT:
                _settle(under_way.popleft(), bar, strict=strict)
        while under_way:
            _settle(under_way.popleft(), bar, strict=strict)
    return chunks


def _settle(stretch: Stretch, bar: "tqdm[Never]", *, strict: bool) -> None:
    """Waits for a stretch and writes it; in a function of its own, which holds nothing of it while the next is read."""
    if stretch.encoding is None:
        bar.initial += stretch.records  # so that the rate counts only what this run did
        bar.update(stretch.records)
    else:
        stretch.chunk.write(stretch.encoding.finish(bar.update))
    if strict and (problems := stretch.chunk.problems()):
        raise BadRecordFound(f"{problems[0].where}: {problems[0].why}. Mend it, or build without --strict.")
