"""Search over entities.

Axes: B query, M vector width, K hit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.entities import EntityTable, read_array
from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.pictures import picture_file
from indexer.shards import ExactShards, Searcher
from indexer.version import ROWS, Version, read_version


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity and how well it fits a mention: the inner product of unit vectors, -1 to 1."""

    entity: Entity
    score: float


class EntityIndex:
    """An index version that is open for search. Safe on any thread.

    Attributes:
        version: the version's id.
        manifest: what the version says about itself.
    """

    def __init__(self, version: Version, *, threads: int = 1) -> None:
        """Opens the files of a version that was verified; `open` is the way in for those who did not."""
        self.version, self.manifest = version.id, version.manifest
        folder, counts = version.folder, version.manifest.counts
        self._image_root = None if self.manifest.image_root is None else Path(self.manifest.image_root)
        self._entities = EntityTable(folder)
        self._entity_of_row: NDArray[np.uint32] = read_array(folder / ROWS, np.uint32)
        shards = [folder / shard for shard in self.manifest.shards]
        self._rows: Searcher = ExactShards(shards, width=self.manifest.dimension, threads=threads)
        if len(self._entities) != counts.entities or not counts.rows == len(self._rows) == len(self._entity_of_row):
            raise CorruptIndex(f"{folder} holds other counts than its manifest says; build the index again.")

    @classmethod
    def open(
        cls, home: Path, *, fingerprint: str | None = None, version: str | None = None, threads: int = 1
    ) -> "EntityIndex":
        """Opens an index after every file was compared with its checksum.

        Args:
            home: the folder that keeps the versions.
            fingerprint: the checkpoint that will make the queries; not compared if None.
            version: which version; the current one if None.
            threads: how many threads one search may take.

        Raises:
            NoIndex: there is none.
            CorruptIndex: a file is missing, was cut off or changed.
            WrongModel: another checkpoint made it; names both.
        """
        found = read_version(home, version)
        if fingerprint is not None:
            found.expect_model(fingerprint)
        found.verify()
        return cls(found, threads=threads)

    def search(self, queries_BM: NDArray[np.float32], k: int) -> list[list[Candidate]]:
        """The k best entities for each query, best first; all of them where the index holds fewer.

        An entity with several rows scores the best of them.

        Raises:
            ValueError: the queries are not finite vectors of the index's width, or k is below 1.
        """
        if queries_BM.ndim != 2 or queries_BM.shape[1] != self.manifest.dimension or not np.isfinite(queries_BM).all():
            raise ValueError(f"queries are {queries_BM.shape}, not finite [B, {self.manifest.dimension}]")
        if k < 1:
            raise ValueError(f"k is {k}, below 1")
        found = self._distinct(queries_BM, min(k, len(self._entities)))
        return [
            [
                Candidate(self._entities[int(number)], float(score))
                for number, score in zip(numbers, scores, strict=True)
            ]
            for numbers, scores in found
        ]

    def entity(self, entity_id: str) -> Entity:
        """Raises UnknownEntity where no entity has the id."""
        return self._entities[self._entities.number_of(entity_id)]

    def picture_path(self, entity_id: str, number: int = 0) -> Path | None:
        """Where an entity's picture is; None where it has none of that number, or the file is gone.

        Raises:
            UnknownEntity: no entity has the id.
        """
        images = self.entity(entity_id).images
        if self._image_root is None or not 0 <= number < len(images):
            return None
        return picture_file(self._image_root, images[number])

    def __len__(self) -> int:
        """How many entities there are."""
        return len(self._entities)

    def _distinct(self, queries_BM: NDArray[np.float32], k: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """(entity numbers, scores) of the k best entities of each query.

        Asks for more rows than entities until k different ones are among them: the best rows in their order show the
        best entities in theirs, so nothing is missed.
        """
        rows = len(self._rows)
        fetch = k if rows == len(self._entities) else min(rows, 2 * k)
        found: list[tuple[NDArray[Any], NDArray[Any]]] = [(np.empty(0), np.empty(0))] * len(queries_BM)
        pending = np.arange(len(queries_BM))
        while len(pending):
            hits = self._rows.search(queries_BM[pending], fetch)
            short = []
            for query, rows_K, scores_K in zip(pending, hits.rows_BK, hits.scores_BK, strict=True):
                numbers_K = self._entity_of_row[rows_K[rows_K >= 0]]
                firsts = np.sort(np.unique(numbers_K, return_index=True)[1])[:k]
                found[query] = numbers_K[firsts], scores_K[firsts]
                if len(firsts) < k and fetch < rows:
                    short.append(query)
            pending, fetch = np.array(short, dtype=np.intp), min(rows, 4 * fetch)
        return found
