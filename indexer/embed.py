"""Records to vectors, chunk by chunk.

Axes: N row, M vector width.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.chunks import Chunk, stored_chunk
from indexer.errors import BadRecordFound
from indexer.kb.record import BadRecord, Entity, KnowledgeBase
from indexer.pictures import picture_file
from indexer.plan import Plan
from wikiclip.errors import WikiClipError
from wikiclip.images import ImageError, Picture, read_picture
from wikiclip.model import PreparedEntity, WikiClip

BATCH_ROWS = 64


def describe(entity: Entity) -> str:
    """What the text encoder reads of an entity."""
    return f"{entity.title}: {entity.text}" if entity.text else entity.title


def embed(kb: KnowledgeBase, model: WikiClip, plan: Plan, workshop: Path, *, strict: bool = False) -> int:
    """Embeds what is not yet embedded and returns the number of chunks, with a progress bar on the way.

    Raises:
        BadRecordFound: `strict`, and a record or picture could not be read.
        WikiClipError: the knowledge base's own files are damaged.
    """
    records = kb.records()
    with tqdm(total=len(kb), unit=" records", desc=f"Embedding {kb.name}") as bar, workers() as pool:
        for number in count():
            stretch = list(islice(records, plan.chunk_records))
            if not stretch:
                break
            chunk = stored_chunk(workshop, number)
            if chunk.exists():
                bar.initial += len(stretch)  # so that the rate counts only what this run did
                bar.update(len(stretch))
            else:
                chunk.write(encode(stretch, kb.image_root, model, pool, bar.update))
            if strict and (problems := chunk.problems()):
                raise BadRecordFound(f"{problems[0].where}: {problems[0].why}. Mend it, or build without --strict.")
    return number


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch would use, each encoding batches of its own with one.

    Threads that share every operation wait for each other at its end: on two busy cores that was three to five times
    slower. It also makes a vector depend on its batch alone and not on the number of cores.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


@dataclass(frozen=True, slots=True)
class Row:
    """One vector to be made: an entity, by its number in the chunk, with one of its pictures or with none."""

    number: int
    entity: Entity
    image: str | None
    first: bool


def encode(
    stretch: Sequence[Entity | BadRecord],
    image_root: Path | None,
    model: WikiClip,
    pool: ThreadPoolExecutor,
    done: Callable[[int], object],
) -> Chunk:
    """Embeds a stretch of records.

    A picture that cannot be read is listed and left out; an entity that has no other is embedded from its text.

    Args:
        pool: threads that read pictures and encode.
        done: told how many records were finished, again and again.
    """
    entities = [record for record in stretch if isinstance(record, Entity)]
    problems = [record for record in stretch if isinstance(record, BadRecord)]
    done(len(problems))
    rows = [
        Row(number, entity, image, first=place == 0)
        for number, entity in enumerate(entities)
        for place, image in enumerate(entity.images or (None,))
    ]
    vectors_NM = np.empty((len(rows), model.mention_width), dtype=np.float16)
    faults: dict[int, BadRecord] = {}

    def encode_batch(batch: Sequence[int]) -> int:
        prepared = [_prepare(rows[row], image_root, model) for row in batch]
        vectors_NM[batch] = _unit(model.encode_entities([entity for entity, _ in prepared]))
        faults.update((row, fault) for row, (_, fault) in zip(batch, prepared, strict=True) if fault is not None)
        return sum(rows[row].first for row in batch)

    for future in as_completed([pool.submit(encode_batch, batch) for batch in _batches(rows)]):
        done(future.result())

    unread = {(rows[row].number, rows[row].image) for row in faults}
    kept = [
        replace(entity, images=tuple(image for image in entity.images if (number, image) not in unread))
        for number, entity in enumerate(entities)
    ]
    stay = [n for n, row in enumerate(rows) if n not in faults or (row.first and not kept[row.number].images)]
    return Chunk(
        entities=kept,
        vectors_NM=vectors_NM[stay],
        entity_of_row_N=np.array([rows[n].number for n in stay], dtype=np.uint32),
        problems=[*problems, *(faults[row] for row in sorted(faults))],
    )


def _batches(rows: Sequence[Row]) -> list[list[int]]:
    """Numbers of rows that are encoded together: of like length, since a batch is padded to its longest text; the slow
    ones first, so that the workers end at nearly the same time."""
    order = sorted(range(len(rows)), key=lambda n: (rows[n].image is None, -len(describe(rows[n].entity))))
    return [order[start : start + BATCH_ROWS] for start in range(0, len(order), BATCH_ROWS)]


def _prepare(row: Row, image_root: Path | None, model: WikiClip) -> tuple[PreparedEntity, BadRecord | None]:
    picture, fault = None, None
    if row.image is not None:
        try:
            picture = _read(image_root, row.image)
        except ImageError as error:
            fault = BadRecord(where=f"{row.entity.entity_id}: {row.image}", why=str(error))
    return model.prepare_entity(describe(row.entity), picture), fault


def _read(image_root: Path | None, image: str) -> Picture:
    path = None if image_root is None else picture_file(image_root, image)
    if path is None:
        raise ImageError("unreadable-image", "there is no such picture in the knowledge base's folder")
    return read_picture(path)


def _unit(vectors_NM: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths_N = np.linalg.norm(vectors_NM, axis=1)
    if not (np.abs(lengths_N - 1) < 0.01).all():  # false for what is not a number, too
        raise WikiClipError("The checkpoint makes vectors that are not of length 1; train it, or load another.")
    return vectors_NM
