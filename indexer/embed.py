"""Records to vectors, chunk by chunk.

Axes: N row, M vector width.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
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
READERS = 2  # threads that read pictures; each stays one batch ahead of the encoder


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
    with tqdm(total=len(kb), unit=" records", desc=f"Embedding {kb.name}") as bar, ThreadPoolExecutor(READERS) as pool:
        for number in count():
            stretch = list(islice(records, plan.chunk_records))
            if not stretch:
                return number
            chunk = stored_chunk(workshop, number)
            if chunk.exists():
                bar.initial += len(stretch)  # so that the rate counts only what this run did
                bar.update(len(stretch))
            else:
                chunk.write(encode(stretch, kb.image_root, model, pool, bar.update))
            if strict and (problems := chunk.problems()):
                raise BadRecordFound(f"{problems[0].where}: {problems[0].why}. Mend it, or build without --strict.")
    raise AssertionError("unreachable")


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
        pool: threads that read pictures while the model works.
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
    for batch, prepared in _prepared(rows, image_root, model, pool):
        vectors_NM[batch] = _unit(model.encode_entities([entity for entity, _ in prepared]))
        faults.update((row, fault) for row, (_, fault) in zip(batch, prepared, strict=True) if fault is not None)
        done(sum(rows[row].first for row in batch))

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


Prepared = list[tuple[PreparedEntity, BadRecord | None]]


def _prepared(
    rows: Sequence[Row], image_root: Path | None, model: WikiClip, pool: ThreadPoolExecutor
) -> Iterator[tuple[list[int], Prepared]]:
    """Yields batches of row numbers with what the encoder needs, rows of like length together: a batch is padded to its
    longest text. The pool works a bounded number of batches ahead, since pictures are large once decoded."""

    def prepare(batch: Sequence[int]) -> Prepared:
        return [_prepare(rows[row], image_root, model) for row in batch]

    order = sorted(range(len(rows)), key=lambda n: (rows[n].image is None, len(describe(rows[n].entity))))
    ahead: deque[tuple[list[int], Future[Prepared]]] = deque()
    for start in range(0, len(order), BATCH_ROWS):
        batch = order[start : start + BATCH_ROWS]
        ahead.append((batch, pool.submit(prepare, batch)))
        if len(ahead) > READERS:
            first, future = ahead.popleft()
            yield first, future.result()
    for first, future in ahead:
        yield first, future.result()


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
