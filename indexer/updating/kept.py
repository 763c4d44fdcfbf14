"""What updates brought, as chunks once more: to be put together in fewer shards, or onto another build.

Axes: N row, E entity, M vector width.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexer.embedding.chunks import Chunk, StoredChunk, stored_chunk
from indexer.embedding.plan import Plan
from indexer.kb.record import Entity
from indexer.kinds.kind import IndexKind
from indexer.manifest import ShardStamp
from indexer.records.table import EntityTable
from indexer.shard import entity_of_row
from indexer.version import Version


@dataclass(frozen=True, kw_only=True)
class Group:
    """Chunks whose records name their pictures from one folder."""

    image_root: str | None
    follow_links: bool
    chunks: tuple[StoredChunk, ...]

    def planned(self, base: Version) -> Plan:
        """What shards of them are filled by."""
        told = base.manifest
        return Plan(
            knowledge_base=told.knowledge_base,
            records=",".join(chunk.folder.name for chunk in self.chunks),
            image_root=self.image_root,
            model_name=told.model.name,
            model_fingerprint=told.model.fingerprint,
            dimension=told.dimension,
            follow_links=self.follow_links,
        )


def kept_groups(
    version: Version, kind: IndexKind, workshop: Path, *, built_shards: int, without: Container[str] = ()
) -> list[Group]:
    """The living records of a version's updates with their vectors, as new chunks in a workshop.

    Args:
        built_shards: how many shards are the build's, and stay out.
        without: ids to leave out.
    """
    groups: dict[tuple[str | None, bool], Group] = {}
    for number, stamp, alive in _updated(version, built_shards):
        chunk = _chunk(version.folder / stamp.folder, kind, version, alive, without)
        if chunk.entities:
            stored = stored_chunk(workshop, number)
            if not stored.exists():
                stored.write(chunk)
            key = stamp.image_root, stamp.follow_links
            group = groups.get(key) or Group(image_root=key[0], follow_links=key[1], chunks=())
            groups[key] = replace(group, chunks=(*group.chunks, stored))
    return list(groups.values())


def kept_entities(version: Version, *, built_shards: int) -> Iterator[tuple[ShardStamp, Entity]]:
    """The living records of a version's updates, each with what its shard says of pictures."""
    for _, stamp, alive_E in _updated(version, built_shards):
        table = EntityTable(version.folder / stamp.folder)
        for number in np.flatnonzero(alive_E):
            yield stamp, table[int(number)]


def _updated(version: Version, built_shards: int) -> Iterator[tuple[int, ShardStamp, np.ndarray]]:
    """The shards of updates: their number, stamp, and [E] which of their entities live."""
    deleted, first = version.deleted(), 0
    for number, stamp in enumerate(version.manifest.shards):
        if number >= built_shards:
            alive_E = np.ones(stamp.entities, dtype=np.bool_)
            mine = deleted[(deleted >= first) & (deleted < first + stamp.entities)]
            alive_E[mine - first] = False
            yield number, stamp, alive_E
        first += stamp.entities


def _chunk(shard: Path, kind: IndexKind, version: Version, alive_E: np.ndarray, without: Container[str]) -> Chunk:
    table = EntityTable(shard)
    kept_E = alive_E.copy()
    entities = []
    for number in np.flatnonzero(alive_E):
        entity = table[int(number)]
        if entity.entity_id in without:
            kept_E[number] = False
        else:
            entities.append(entity)
    owners_N = entity_of_row(shard, entities=len(table))
    rows_N = kept_E[owners_N]
    renumbered_E = np.cumsum(kept_E, dtype=np.int64) - 1
    vectors_NM = kind.kept(shard, width=version.manifest.dimension)
    return Chunk(
        entities=entities,
        vectors_NM=np.ascontiguousarray(vectors_NM[rows_N]),
        entity_of_row_N=renumbered_E[owners_N[rows_N]].astype(np.uint32),
        problems=[],
    )
