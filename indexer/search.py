"""Search over entities.

Axes: B query, E entity number, M vector width, N row, K hit.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from indexer.kinds import kind_of
from indexer.kinds.among import Among
from indexer.kinds.gpu.placement import place
from indexer.kinds.kind import GroupingSearcher, Hits, Searcher
from indexer.kinds.milvus.server import MilvusServer
from indexer.records.records import Candidate as Candidate
from indexer.records.records import Nearest, Records, expect_counts
from indexer.records.tag_filter import TagFilter
from indexer.shard import ROWS, entity_of_row
from indexer.version import Version, read_version
from wikiclip.base.machine import DeviceChoice

Find = Callable[[NDArray[np.float32], int], Hits]
AMONG_BYTES = 2**27  # that the rows of filters which are kept may take together: ten of six million rows


class Passing(NamedTuple):
    """What passes a filter: rows, None for all of them, and how many entities."""

    among: Among | None
    entities: int


class EntityIndex(Records):
    """An index version that is open for search. Safe on any thread.

    Attributes:
        rows: finds rows; an entity has one for each of its pictures.
        where: on what it is searched, in a sentence that says why.
    """

    def __init__(
        self, version: Version, *, threads: int = 1, device: DeviceChoice = "cpu", milvus: MilvusServer | None = None
    ) -> None:
        """Opens the files of a version that was verified; `open` is the way in for those who did not."""
        kind, shards = kind_of(version.manifest.kind, milvus=milvus), version.shards
        super().__init__(version, mapped=kind.mapped)
        counts = self._entities.counts
        owners = [entity_of_row(shard, entities=count) for shard, count in zip(shards, counts, strict=True)]
        opened = kind.open(shards, version.shared, width=self.manifest.dimension, threads=threads)
        expect_counts(version, {ROWS: [len(own) for own in owners], kind.mapped[0]: opened.counts})
        self._entity_of_row = np.concatenate(
            [own + np.uint32(first) for own, first in zip(owners, self._entities.first_numbers, strict=True)]
        )
        self.rows: Searcher
        self.rows, self.where = place(opened, kind.name, wanted=device)
        self._row_is_entity = len(self._entity_of_row) == self._entities.numbers  # each has a row, in their order
        self._kept: LRUCache[TagFilter, Passing] = LRUCache(AMONG_BYTES, getsizeof=_size)
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        fingerprint: str | None = None,
        version: str | None = None,
        threads: int = 1,
        device: DeviceChoice = "cpu",
        milvus: MilvusServer | None = None,
    ) -> "EntityIndex":
        """Opens an index after every file was compared with its checksum.

        Args:
            home: the folder that keeps the versions.
            fingerprint: the checkpoint that will make the queries; not compared if None.
            version: which version; the current one if None.
            threads: how many threads one search may take.
            device: where to search; "auto" takes GPUs where there are some.
            milvus: the server, where the vectors are in one; that of the environment if None.

        Raises:
            NoIndex: there is none.
            CorruptIndex: a file is missing, was cut off or changed.
            WrongModel: another checkpoint made it; names both.
            IndexUnreachable: its vectors are in a server that does not answer.
            WikiClipError: it is of a kind that is gone; says how to make it anew.
        """
        found = read_version(home, version)
        kind_of(found.manifest.kind)  # before all files are read: one of a kind that is gone is said at once
        if fingerprint is not None:
            found.expect_model(fingerprint)
        found.verify()
        return cls(found, threads=threads, device=device, milvus=milvus)

    def search(
        self, queries_BM: NDArray[np.float32], k: int, *, tags: TagFilter | None = None
    ) -> list[list[Candidate]]:
        """The k best entities for each query, best first; all of them where the index holds fewer.

        An entity with several rows scores the best of them.

        Args:
            tags: leaves out those that do not pass before anything is compared, so that k others are found.

        Raises:
            ValueError: the queries are not finite vectors of the index's width, or k is below 1.
        """
        return [self.candidates(found) for found in self.nearest(queries_BM, k, tags=tags)]

    def nearest(self, queries_BM: NDArray[np.float32], k: int, *, tags: TagFilter | None = None) -> list[Nearest]:
        """What `search` finds, by number: nothing is read of the records. Raises the same."""
        if queries_BM.ndim != 2 or queries_BM.shape[1] != self.manifest.dimension or not np.isfinite(queries_BM).all():
            raise ValueError(f"queries are {queries_BM.shape}, not finite [B, {self.manifest.dimension}]")
        if k < 1:
            raise ValueError(f"k is {k}, below 1")
        self.files.expect_whole()
        among = None if tags is None else self._passing(tags).among
        living = self.count_passing(tags)
        if living == 0:
            return [Nearest([], []) for _ in queries_BM]
        numbers, scores = self._distinct(queries_BM, min(k, living), among)
        each = zip(numbers, scores, strict=True)
        return [Nearest(numbers_K.tolist(), scores_K.tolist()) for numbers_K, scores_K in each]

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
        return self.candidates(self.nearest_to(entity_id, k))

    def nearest_to(self, entity_id: str, k: int) -> Nearest:
        """What `neighbours` finds, by number. Raises the same."""
        (found,) = self.nearest(self.vector(entity_id)[None], k + 1)
        own = self._entities.number_of(entity_id)
        each = [(number, score) for number, score in zip(*found, strict=True) if number != own][:k]
        return Nearest([number for number, _ in each], [score for _, score in each])

    def count_passing(self, tags: TagFilter | None) -> int:
        """How many entities pass."""
        return len(self) if tags is None else self._passing(tags).entities

    def _passing(self, tags: TagFilter) -> "Passing":
        with self._lock:
            found = self._kept.get(tags)
        if found is None:
            mask_E = self.passing(tags)
            among = Among(mask_E if self._row_is_entity else mask_E[self._entity_of_row])
            is_all = among.count == len(among.mask_N)
            found = Passing(None if is_all else among, int(np.count_nonzero(mask_E)))
            with self._lock:
                if _size(found) <= AMONG_BYTES:
                    self._kept[tags] = found
        return found

    def _distinct(
        self, queries_BM: NDArray[np.float32], k: int, among: Among | None
    ) -> tuple[list[NDArray[np.int64]], list[NDArray[np.float32]]]:
        """(numbers, scores) of the k best living entities of each query.

        Asks for more rows than entities until k different ones are among them: the best rows in their order show the
        best entities in theirs, so nothing is missed.
        """
        search: Find = self.rows.search if among is None else partial(self.rows.search, among=among)
        all_live = among is not None or len(self._entities) == self._entities.numbers
        if self._row_is_entity and all_live:
            hits = search(queries_BM, k)
            found_BK = hits.rows_BK >= 0
            numbers_BK = self._entity_of_row[hits.rows_BK]  # for row -1 the last entity's, which is left out
            return (
                [numbers_K[found_K] for numbers_K, found_K in zip(numbers_BK, found_BK, strict=True)],
                [scores_K[found_K] for scores_K, found_K in zip(hits.scores_BK, found_BK, strict=True)],
            )
        find, most, grouping = search, len(self.rows) if among is None else among.count, False
        if isinstance(self.rows, GroupingSearcher):  # makes an entity's rows one itself, but may find too few
            most = min(most, self.rows.most)
            if among is None:
                find, grouping = self.rows.search_entities, True
        fetch = min(most, 2 * k)
        numbers, scores = [np.empty(0, np.int64)] * len(queries_BM), [np.empty(0, np.float32)] * len(queries_BM)
        pending = np.arange(len(queries_BM))
        while len(pending):
            hits = find(queries_BM[pending], fetch)
            short = []
            for query, rows_K, scores_K in zip(pending, hits.rows_BK, hits.scores_BK, strict=True):
                numbers_K = self._entity_of_row[rows_K[rows_K >= 0]]
                firsts = np.sort(np.unique(numbers_K, return_index=True)[1])
                firsts = firsts[self._entities.alive(numbers_K[firsts])][:k]
                numbers[query], scores[query] = numbers_K[firsts], scores_K[firsts]
                if len(firsts) < k and (grouping or fetch < most):
                    short.append(query)
            pending, fetch = np.array(short, dtype=np.intp), min(most, 4 * fetch)
            find, grouping = search, False
        return numbers, scores


def _size(passing: Passing) -> int:
    """Bytes: its mask, which FAISS's bits and the numbers of few rows are small beside."""
    return 1 if passing.among is None else 2 * len(passing.among.mask_N)
