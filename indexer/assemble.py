"""Chunks to the files of an index version.

Axes: N row, M vector width.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.chunks import StoredChunk, stored_chunk, write_problems
from indexer.entities import write_table
from indexer.manifest import Counts, Manifest, ModelStamp, stamp_files
from indexer.plan import Plan
from indexer.shards import SHARD_ROWS, write_exact
from indexer.version import PROBLEMS, ROWS
from wikiclip.errors import WikiClipError


def assemble(workshop: Path, chunks: int, plan: Plan, *, shard_rows: int = SHARD_ROWS) -> tuple[Path, Manifest]:
    """Fills a folder in the workshop with all that a search needs, and describes it.

    Raises:
        WikiClipError: the chunks hold no entity.
    """
    folder = workshop / "version"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "shards").mkdir(parents=True)
    stored = [stored_chunk(workshop, number) for number in range(chunks)]
    problems = write_problems((problem for chunk in stored for problem in chunk.problems()), folder / PROBLEMS)
    entities = write_table((batch for chunk in stored for batch in chunk.entities()), folder)
    if not entities:
        raise WikiClipError(f"No record could be read; {folder / PROBLEMS} lists why for each of {problems}.")
    rows = _write_rows(stored, folder / ROWS)
    shards = write_exact((c.vectors() for c in stored), folder / "shards", width=plan.dimension, shard_rows=shard_rows)
    manifest = Manifest(
        plan=plan.id,
        knowledge_base=plan.knowledge_base,
        model=ModelStamp(name=plan.model_name, fingerprint=plan.model_fingerprint),
        dimension=plan.dimension,
        counts=Counts(entities=entities, rows=rows, problems=problems),
        image_root=plan.image_root,
        shards=tuple(path.relative_to(folder).as_posix() for path in shards),
        files=stamp_files(folder),
    )
    return folder, manifest


def _write_rows(stored: Sequence[StoredChunk], path: Path) -> int:
    """Which entity each row belongs to, counted over all chunks; returns the number of rows."""
    start, parts = 0, []
    for chunk in stored:
        parts.append(chunk.entity_of_row() + np.uint32(start))
        start += sum(len(batch) for batch in chunk.entities())
    rows_N = np.concatenate(parts)
    np.save(path, rows_N)
    return len(rows_N)
