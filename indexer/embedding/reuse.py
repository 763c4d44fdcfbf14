"""Vectors of a published version as the chunks of another: an index of another kind need not embed anything again."""

from collections.abc import Container
from pathlib import Path

import numpy as np

from indexer.embedding.chunks import PROBLEMS, ROWS, VECTORS, StoredChunk, stored_chunk
from indexer.embedding.plan import Plan
from indexer.kinds import KINDS, MILVUS, kind_of
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus.server import MilvusServer
from indexer.records.table import TABLE
from indexer.version import Version, newest
from wikiclip.base.files import appearing_folder, link


def embedded_before(plan: Plan, home: Path) -> Version | None:
    """The newest whole version that was made by this plan, of a kind that this program reads; one whose vectors are in
    its files, where there is one."""

    def made(kinds: Container[str]) -> Version | None:
        return newest(home, lambda version: version.manifest.plan == plan.id and version.manifest.kind in kinds)

    return made(KINDS) or made(MILVUS)


def unpack(version: Version, workshop: Path, *, milvus: MilvusServer | None = None) -> int:
    """Makes a chunk of each shard, and returns how many there are. Tables are linked; vectors are copied.

    Args:
        milvus: the server, where the version has its vectors in one; that of the environment if None.

    Raises:
        CorruptIndex: a shard does not hold what its kind writes.
    """
    kind = kind_of(version.manifest.kind, milvus=milvus)
    for number, shard in enumerate(version.shards):
        chunk = stored_chunk(workshop, number)
        if not chunk.exists():
            _write(chunk, version, shard, kind, first=number == 0)
    return len(version.shards)


def _write(chunk: StoredChunk, version: Version, shard: Path, kind: IndexKind, *, first: bool) -> None:
    with appearing_folder(chunk.folder) as partial:
        np.save(partial / VECTORS, kind.kept(shard, width=version.manifest.dimension))
        for name in (TABLE, ROWS):
            link(shard / name, partial / name)
        if first:  # which record of which shard a problem belonged to is not known any more
            link(version.folder / PROBLEMS, partial / PROBLEMS)
        else:
            (partial / PROBLEMS).touch()
