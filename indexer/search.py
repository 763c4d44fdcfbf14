"""Search over entities.

Axes: B query, M vector width, K hit.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogue, Place
from indexer.entities import TABLE
from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.kinds import kind_of
from indexer.kinds.kind import Searcher
from indexer.kinds.placement import place
from indexer.manifest import MANIFEST
from indexer.open_files import OpenFiles
from indexer.picture_paths import picture_file
from indexer.shard import MAPPED, ROWS, entity_of_row
from indexer.version import DELETED, Version, read_version
from wikiclip.base.machine import DeviceChoice


class Candidate(NamedTuple):
    """An entity and how well it fits a mention: the inner product of unit vectors, -1 to 1."""

    entity: Entity
    score: float


class EntityIndex:
    """An index version that is open for search. Safe on any thread.

    Attributes:
        version: the version's id.
        manifest: what the version says about itself.
        rows: finds rows; an entity has one for each of its pictures.
        where: on what it is searched, in a sentence that says why.
        files: those that are mapped. Every method looks at them first, and raises CorruptIndex where one was cut off.
    """

    def __init__(self, version: Version, *, threads: int = 1, device: DeviceChoice = "cpu") -> None:
        """Opens the files of a version that was verified; `open` is the way in for those who did not."""
        self.version, self.manifest = version.id, version.manifest
        kind, shards = kind_of(self.manifest.kind), version.shards
        mapped = (*MAPPED, *kind.mapped)
        self.files = OpenFiles(version, [f"{stamp.folder}/{name}" for stamp in self.manifest.shards for name in mapped])
        self._entities = Catalogue(shards, version.deleted())
        counts = self._entities.counts
        owners = [entity_of_row(shard, entities=count) for shard, count in zip(shards, counts, strict=True)]
        opened = kind.open(shards, version.shared, width=self.manifest.dimension, threads=threads)
        _expect_counts(version, {TABLE: counts, ROWS: [len(own) for own in owners], kind.mapped[0]: opened.counts})
        self._entity_of_row = np.concatenate(
            [own + np.uint32(first) for own, first in zip(owners, self._entities.first_numbers, strict=True)]
        )
        self.rows: Searcher
        self.rows, self.where = place(opened, kind.name, wanted=device)
        self._one_row_each = len(self._entity_of_row) == len(self._entities) == self._entities.numbers

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        fingerprint: str | None = None,
        version: str | None = None,
        threads: int = 1,
        device: DeviceChoice = "cpu",
    ) -> "EntityIndex":
        """Opens an index after every file was compared with its checksum.

        Args:
            home: the folder that keeps the versions.
            fingerprint: the checkpoint that will make the queries; not compared if None.
            version: which version; the current one if None.
            threads: how many threads one search may take.
            device: where to search; "auto" takes GPUs where there are some.

        Raises:
            NoIndex: there is none.
            CorruptIndex: a file is missing, was cut off or changed.
            WrongModel: another checkpoint made it; names both.
            WikiClipError: it is of a kind that is gone; says how to make it anew.
        """
        found = read_version(home, version)
        kind_of(found.manifest.kind)  # before all files are read: one of a kind that is gone is said at once
        if fingerprint is not None:
            found.expect_model(fingerprint)
        found.verify()
        return cls(found, threads=threads, device=device)

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
        self.files.expect_whole()
        numbers, scores = self._distinct(queries_BM, min(k, len(self._entities)))
        return [
            [
                Candidate(self._entities[number], score)
                for number, score in zip(numbers_K.tolist(), scores_K.tolist(), strict=True)
            ]
            for numbers_K, scores_K in zip(numbers, scores, strict=True)
        ]

    def entity(self, entity_id: str) -> Entity:
        """Raises UnknownEntity where no entity has the id."""
        self.files.expect_whole()
        return self._entities[self._entities.number_of(entity_id)]

    def vector(self, entity_id: str) -> NDArray[np.float32]:
        """The vector [M] that the index keeps of an entity, as its kind stores it; of several rows the first.

        Raises:
            UnknownEntity: no entity has the id.
        """
        self.files.expect_whole()
        number = self._entities.number_of(entity_id)
        # Of their own kind: another would have all of them copied first.
        row = np.searchsorted(self._entity_of_row, np.array([number], dtype=self._entity_of_row.dtype))
        vector_M: NDArray[np.float32] = self.rows.vectors(row)[0]
        return vector_M

    def neighbours(self, entity_id: str, k: int) -> list[Candidate]:
        """The k entities nearest to one of the index, without itself: `vector` asks, which some kinds keep in codes.

        Raises:
            UnknownEntity: no entity has the id.
        """
        (found,) = self.search(self.vector(entity_id)[None], k + 1)
        return [candidate for candidate in found if candidate.entity.entity_id != entity_id][:k]

    def picture_path(self, entity_id: str, number: int = 0) -> Path | None:
        """Where an entity's picture is; None where it has none of that number, or the file is gone.

        Raises:
            UnknownEntity: no entity has the id.
        """
        self.files.expect_whole()
        found = self._entities.number_of(entity_id)
        images = self._entities[found].images
        shard = self.manifest.shards[self._entities.shard_of(found)]
        if shard.image_root is None or not 0 <= number < len(images):
            return None
        return picture_file(Path(shard.image_root), images[number], follow_links=shard.follow_links)

    def entities_titled(
        self, prefix: str, limit: int = 20, *, after: Place | None = None, pictured: bool | None = None
    ) -> list[Entity]:
        """The first entities in the order of titles whose title starts so; neither case nor accents count.

        Args:
            after: only what follows this place in the order.
            pictured: only those that name a picture, or only those that name none.
        """
        self.files.expect_whole()
        return self._entities.starting_with(prefix, limit, after=after, pictured=pictured)

    def count_titled(self, prefix: str, *, pictured: bool | None = None) -> int:
        """How many entities `entities_titled` gives without a limit."""
        self.files.expect_whole()
        return self._entities.count(prefix, pictured=pictured)

    @property
    def pictured(self) -> int:
        """How many entities name a picture."""
        return self._entities.pictured

    def __len__(self) -> int:
        """How many entities there are."""
        return len(self._entities)

    def _distinct(
        self, queries_BM: NDArray[np.float32], k: int
    ) -> tuple[list[NDArray[np.int64]], list[NDArray[np.float32]]]:
        """(numbers, scores) of the k best living entities of each query.

        Asks for more rows than entities until k different ones are among them: the best rows in their order show the
        best entities in theirs, so nothing is missed.
        """
        rows = len(self.rows)
        if self._one_row_each:
            hits = self.rows.search(queries_BM, k)
            found_BK = hits.rows_BK >= 0
            numbers_BK = self._entity_of_row[hits.rows_BK]  # for row -1 the last entity's, which is left out
            return (
                [numbers_K[found_K] for numbers_K, found_K in zip(numbers_BK, found_BK, strict=True)],
                [scores_K[found_K] for scores_K, found_K in zip(hits.scores_BK, found_BK, strict=True)],
            )
        fetch = min(rows, 2 * k)
        numbers, scores = [np.empty(0, np.int64)] * len(queries_BM), [np.empty(0, np.float32)] * len(queries_BM)
        pending = np.arange(len(queries_BM))
        while len(pending):
            hits = self.rows.search(queries_BM[pending], fetch)
            short = []
            for query, rows_K, scores_K in zip(pending, hits.rows_BK, hits.scores_BK, strict=True):
                numbers_K = self._entity_of_row[rows_K[rows_K >= 0]]
                firsts = np.sort(np.unique(numbers_K, return_index=True)[1])
                firsts = firsts[self._entities.alive(numbers_K[firsts])][:k]
                numbers[query], scores[query] = numbers_K[firsts], scores_K[firsts]
                if len(firsts) < k and fetch < rows:
                    short.append(query)
            pending, fetch = np.array(short, dtype=np.intp), min(rows, 4 * fetch)
        return numbers, scores


def _expect_counts(version: Version, held: Mapping[str, Sequence[int]]) -> None:
    """Raises CorruptIndex where shards hold more or less than the manifest says, or it contradicts itself.

    Args:
        held: by the name of a file, how many entities or rows it holds in each shard.
    """
    counts, stamps = version.manifest.counts, version.manifest.shards
    for name, of_shards in held.items():
        for stamp, found in zip(stamps, of_shards, strict=True):
            said = stamp.entities if name == TABLE else stamp.rows
            if found != said:
                path = version.folder / stamp.folder / name
                raise CorruptIndex(f"{path} holds {found:,}, and its manifest says {said:,}; build the index again.")
    if len(version.deleted()) != counts.deleted:
        raise CorruptIndex(f"{version.folder / DELETED} is not of {counts.deleted:,}; build the index again.")
    in_all = sum(stamp.entities for stamp in stamps), sum(stamp.rows for stamp in stamps)
    if in_all != (counts.entities + counts.deleted, counts.rows):
        raise CorruptIndex(f"{version.folder / MANIFEST} has counts that do not add up; build the index again.")
