"""Vectors of a published version as the chunks of another: an index of another kind need not embed anything again."""

from pathlib import Path

import numpy as np

from indexer.embedding.chunks import PROBLEMS, ROWS, VECTORS, StoredChunk, stored_chunk
from indexer.embedding.plan import Plan
from indexer.entities import TABLE
from indexer.kinds import KINDS, kind_of
from indexer.version import Version, newest
from wikiclip.base.files import appearing_folder, link


def embedded_before(plan: Plan, home: Path) -> Version | None:
    """The newest whole version that was made by this plan, of a kind that this program reads."""
    return newest(home, lambda version: version.manifest.plan == plan.id and version.manifest.kind in KINDS)


def unpack(version: Version, workshop: Path) -> int:
    """Makes a chunk of each shard, and returns how many there are. Tables are linked; vectors are copied.

    Raises:
        CorruptIndex: a shard does not hold what its kind writes.
    """
    for number, shard in enumerate(version.shards):
        chunk = stored_chunk(workshop, number)
        if not chunk.exists():
            _write(chunk, version, shard, first=number == 0)
    return len(version.shards)


def _write(chunk: StoredChunk, version: Version, shard: Path, *, first: bool) -> None:
    kind = kind_of(version.manifest.kind)
    with appearing_folder(chunk.folder) as partial:
        np.save(partial / VECTORS, kind.kept(shard, width=version.manifest.dimension))
        for name in (TABLE, ROWS):
            link(shard / name, partial / name)
        if first:  # which record of which shard a problem belonged to is not known any more
            link(version.folder / PROBLEMS, partial / PROBLEMS)
        else:
            (partial / PROBLEMS).touch()
