"""Small knowledge bases and index versions, made with the real parts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.assemble import assemble
from indexer.chunks import Chunk, stored_chunk
from indexer.kb.record import BadRecord, Entity
from indexer.plan import Plan, open_workshop
from indexer.version import Version, publish


@pytest.fixture(scope="session")
def make_version() -> Callable[..., Version]:
    """Publishes vectors that were made up, through the same chunks and the same assembly as a real build."""

    def make(
        home: Path,
        vectors_NM: NDArray[np.float32],
        *,
        entity_of_row_N: Sequence[int] | None = None,
        entities: Sequence[Entity] | None = None,
        fingerprint: str = "f" * 64,
        image_root: Path | None = None,
        problems: Sequence[BadRecord] = (),
        chunk_rows: int = 7,
        shard_rows: int = 5,
    ) -> Version:
        owner_N = np.arange(len(vectors_NM)) if entity_of_row_N is None else np.asarray(entity_of_row_N)
        if entities is None:
            entities = [Entity(entity_id=f"Q{n}", title=f"T{n}", text=f"text {n}") for n in range(owner_N.max() + 1)]
        plan = Plan(
            knowledge_base="test",
            records="r",
            image_root=None if image_root is None else str(image_root),
            model_name="tiny",
            model_fingerprint=fingerprint,
            dimension=vectors_NM.shape[1],
        )
        workshop = open_workshop(plan, home, fresh=True)
        starts = range(0, len(entities), chunk_rows)
        for number, start in enumerate(starts):
            mine = (owner_N >= start) & (owner_N < start + chunk_rows)
            chunk = Chunk(
                entities=entities[start : start + chunk_rows],
                vectors_NM=vectors_NM[mine].astype(np.float16),
                entity_of_row_N=(owner_N[mine] - start).astype(np.uint32),
                problems=problems if number == 0 else (),
            )
            stored_chunk(workshop, number).write(chunk)
        return publish(*assemble(workshop, len(starts), plan, shard_rows=shard_rows), home)

    return make
