"""A chunk that is being made of a stretch of records: what is read of an entity, the batches, and what becomes of
unreadable pictures.

Axes: N row, M vector width.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.embedding.chunks import Chunk
from indexer.embedding.replicas import Replicas
from indexer.kb.record import BadRecord, Entity, describe
from indexer.picture_paths import NoPlace, found_picture
from wikiclip.base.errors import WikiClipError, first_line
from wikiclip.model import PreparedEntity
from wikiclip.pictures import Picture, PictureError, read_picture

BATCH_ROWS = 64


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch would use, each encoding batches of its own with one.

    Threads that share every operation wait for each other at its end: on two busy cores that was three to five times
    slower. It also makes a vector depend on its batch alone and not on the number of cores. Whatever ends the work, an
    error or Ctrl-C, it ends with the batches in hand; those that wait are dropped.
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


class PendingChunk:
    """A chunk that is being made of a stretch of records. Its batches wait in the pool from the start, behind those of
    earlier stretches.

    A picture that cannot be read is listed and left out; an entity that has no other is embedded from its text. How
    rows are batched depends on the stretch alone, so the same stretch gives the same vectors, up to the last bits that
    a processor's library may round by where numbers lie in memory.

    Args:
        image_root, follow_links: the knowledge base's.
        pool: threads that read pictures and encode.
    """

    def __init__(
        self,
        stretch: Sequence[Entity | BadRecord],
        image_root: Path | None,
        replicas: Replicas,
        pool: ThreadPoolExecutor,
        *,
        follow_links: bool,
    ) -> None:
        self._entities = [record for record in stretch if isinstance(record, Entity)]
        self._problems = [record for record in stretch if isinstance(record, BadRecord)]
        self._image_root, self._follow_links, self._replicas = image_root, follow_links, replicas
        self._rows = [
            Row(number, entity, image, first=place == 0)
            for number, entity in enumerate(self._entities)
            for place, image in enumerate(entity.images or (None,))
        ]
        self._vectors_NM = np.empty((len(self._rows), replicas.mention_width), dtype=np.float16)
        self._faults: dict[int, BadRecord] = {}
        self._batches = [pool.submit(self._embed, batch) for batch in _batches(self._rows)]

    def finish(self, done: Callable[[int], object]) -> Chunk:
        """Waits for the batches.

        Args:
            done: told how many records were finished, again and again.

        Raises:
            WikiClipError: a batch could not be embedded.
        """
        done(len(self._problems))
        for batch in as_completed(self._batches):
            done(batch.result())
        return self._chunk()

    def _embed(self, batch: Sequence[int]) -> int:
        """Embeds the rows of these numbers and returns how many records they begin."""
        rows = [self._rows[number] for number in batch]
        try:
            prepared = [self._prepare(row) for row in rows]
            vectors_BM = self._replicas.encode([entity for entity, _ in prepared])
        except (RuntimeError, MemoryError) as error:  # torch's own, such as for memory that is not there
            raise WikiClipError(
                f"The encoder failed on a batch with {rows[0].entity.entity_id} in it: {first_line(error)}. Mend that"
                " and build again; the chunks that are there are kept."
            ) from error
        self._vectors_NM[batch] = _unit(vectors_BM)
        self._faults.update((n, fault) for n, (_, fault) in zip(batch, prepared, strict=True) if fault is not None)
        return sum(row.first for row in rows)

    def _prepare(self, row: Row) -> tuple[PreparedEntity, BadRecord | None]:
        picture, fault = None, None
        if row.image is not None:
            try:
                picture = self._read(row.image)
            except PictureError as error:
                fault = BadRecord(where=f"{row.entity.entity_id}: {row.image}", why=str(error))
        return self._replicas.prepare(describe(row.entity), picture), fault

    def _read(self, image: str) -> Picture:
        try:
            if self._image_root is None:
                raise NoPlace("the knowledge base has no folder of pictures")
            return read_picture(found_picture(self._image_root, image, follow_links=self._follow_links))
        except NoPlace as error:
            raise PictureError("unreadable-image", str(error)) from None

    def _chunk(self) -> Chunk:
        rows, faults = self._rows, self._faults
        unread: dict[int, set[str | None]] = {}
        for row in (rows[n] for n in faults):
            unread.setdefault(row.number, set()).add(row.image)
        kept = list(self._entities)
        for number, images in unread.items():
            entity = kept[number]
            kept[number] = entity._replace(images=tuple(image for image in entity.images if image not in images))
        stay = [n for n, row in enumerate(rows) if n not in faults or (row.first and not kept[row.number].images)]
        return Chunk(
            entities=kept,
            vectors_NM=self._vectors_NM[stay] if faults else self._vectors_NM,
            entity_of_row_N=np.array([rows[n].number for n in stay], dtype=np.uint32),
            problems=[*self._problems, *(faults[row] for row in sorted(faults))],
        )


def _batches(rows: Sequence[Row]) -> list[list[int]]:
    """Numbers of rows that are embedded together: of like length, since a batch is padded to its longest text; the slow
    ones first, so that the workers end at nearly the same time."""
    order = sorted(range(len(rows)), key=lambda n: (rows[n].image is None, -len(describe(rows[n].entity))))
    return [order[start : start + BATCH_ROWS] for start in range(0, len(order), BATCH_ROWS)]


def _unit(vectors_BM: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths_B = np.linalg.norm(vectors_BM, axis=1)
    if not (np.abs(lengths_B - 1) < 0.01).all():  # false for what is not a number, too
        raise WikiClipError("The checkpoint makes vectors that are not of length 1; train it, or load another.")
    return vectors_BM
