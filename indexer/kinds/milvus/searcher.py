"""Search by a Milvus server, as one index over the partitions of its shards.

Axes: B query, K hit, M vector width.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.errors import CorruptIndex
from indexer.kinds.among import Among
from indexer.kinds.kind import Hits
from indexer.kinds.milvus.collection import (
    BOUNDED,
    ENTITY,
    FETCHED_ROWS,
    ROW,
    VECTOR,
    count,
    fetch,
    is_whole,
    load,
    shown,
)
from indexer.kinds.milvus.connection import Connection, NotLoaded
from indexer.kinds.milvus.stamp import ROW_BITS, RowsStamp
from indexer.kinds.order import best_first

MOST = 16_384  # hits that a server gives at most
NAMED = 8_192  # rows that one search names, of which each takes some 20 bytes of the expression


class MilvusSearcher:
    """Safe on any thread: the client is. The rows never change, so that a search need not wait for the last insert.

    Args:
        stamps: of the shards, in the order of their rows.
        care: (k) -> how thoroughly the index is searched for so many hits, as Milvus's search parameters.
        kind: the name of the kind, for `where`.

    Attributes:
        counts: how many rows each shard has.
        where: on what it is searched, in a sentence.
        most: hits that a server gives at most.

    Raises:
        CorruptIndex: the server has other rows than were inserted.
        IndexUnreachable: it does not answer.
    """

    def __init__(
        self, connection: Connection, stamps: Sequence[RowsStamp], *, care: Callable[[int], dict[str, Any]], kind: str
    ) -> None:
        self._connection, self._stamps, self._care = connection, stamps, care
        self.most = MOST
        self._collection = stamps[0].collection
        self._partitions = [stamp.partition for stamp in stamps]
        self.counts = [stamp.rows for stamp in stamps]
        self._starts = np.cumsum([0, *self.counts])
        keys = np.array([stamp.key for stamp in stamps], dtype=np.int64)
        self._by_key = np.argsort(keys)
        self._keys = keys[self._by_key]
        load(connection, self._collection)
        for stamp in stamps:
            if not is_whole(connection, stamp):
                raise CorruptIndex(
                    f"{shown(connection, stamp)} does not hold the {stamp.rows:,} rows that were inserted as"
                    f" {stamp.partition}, but {count(connection, stamp):,} or others; build the index again."
                )
        self.where = (
            f"{kind} in Milvus ({connection.version}), collection {self._collection}, consistency level {BOUNDED}."
        )

    def __len__(self) -> int:
        return int(self._starts[-1])

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        """At most `MOST` hits, whatever k is.

        The server is told which rows may be found, or which may not, where one expression can name these. Else so many
        hits are asked for that enough of them should be among those; where they are not, the rows are named after all,
        some in each of several searches.
        """
        if among is None:
            return self._search(queries_BM, k, {})
        left_out = len(self) - among.count
        if left_out <= NAMED:
            no_R = self._primary(np.flatnonzero(~among.mask_N))
            return self._search(queries_BM, k, {"filter": f"{ROW} not in {no_R}"} if no_R else {})
        if among.count > NAMED:
            hits = self._search(queries_BM, min(MOST, among.reach(k)), {})
            passing_BR = among.of_ranking(hits.rows_BK, k)
            if passing_BR is not None:
                return best_first(passing_BR, hits.scores_BK, k)
        named = (among.rows[start : start + NAMED] for start in range(0, among.count, NAMED))
        found = [self._search(queries_BM, k, {"filter": f"{ROW} in {self._primary(some_K)}"}) for some_K in named]
        nothing = (len(queries_BM), 0)
        rows_BR = np.concatenate([np.empty(nothing, np.int64), *(hits.rows_BK for hits in found)], axis=1)
        scores_BR = np.concatenate([np.empty(nothing, np.float32), *(hits.scores_BK for hits in found)], axis=1)
        return best_first(rows_BR, scores_BR, k)

    def search_entities(self, queries_BM: NDArray[np.float32], k: int) -> Hits:
        """The best row of each of the k best entities, as far as the server's grouping finds them: those that it gives
        are the best, and there may be fewer."""
        return self._search(queries_BM, k, {"group_by_field": ENTITY})

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        shards_K = np.searchsorted(self._starts, rows_K, side="right") - 1
        found_KM = np.empty((len(rows_K), self._stamps[0].dimension), dtype=np.float32)
        for shard in np.unique(shards_K):
            places = np.flatnonzero(shards_K == shard)
            found_KM[places] = fetch(self._connection, self._stamps[shard], rows_K[places] - self._starts[shard])
        return found_KM

    def examine(self) -> None:
        """Reads every vector that the server has.

        Raises:
            CorruptIndex: they are not those that were inserted.
        """
        with tqdm(total=len(self), desc="Reading from Milvus", unit=" rows", disable=len(self) < FETCHED_ROWS) as bar:
            for stamp in self._stamps:
                self._kept(stamp, bar)

    def kept(self) -> NDArray[np.float16]:
        """All vectors [N, M] as they were inserted. Raises CorruptIndex where they are others."""
        return np.concatenate([self._kept(stamp) for stamp in self._stamps])

    def _kept(self, stamp: RowsStamp, bar: Any = None) -> NDArray[np.float16]:
        found_NM = np.empty((stamp.rows, stamp.dimension), dtype=np.float16)
        for start in range(0, stamp.rows, FETCHED_ROWS):
            rows_K = np.arange(start, min(start + FETCHED_ROWS, stamp.rows))
            found_NM[start : start + len(rows_K)] = fetch(self._connection, stamp, rows_K)
            if bar is not None:
                bar.update(len(rows_K))
        if hashlib.sha256(found_NM.tobytes()).hexdigest() != stamp.sha256:
            raise CorruptIndex(
                f"{shown(self._connection, stamp)} has other vectors in {stamp.partition} than were inserted;"
                " build the index again."
            )
        return found_NM

    def _search(self, queries_BM: NDArray[np.float32], k: int, more: dict[str, Any]) -> Hits:
        limit = min(k, len(self), MOST)
        rows_BR = np.full((len(queries_BM), limit), -1, dtype=np.int64)
        scores_BR = np.full(rows_BR.shape, -np.inf, dtype=np.float32)
        if rows_BR.size:
            try:
                answer = self._ask(queries_BM, limit, more)
            except NotLoaded:  # a server that was started anew
                load(self._connection, self._collection)
                answer = self._ask(queries_BM, limit, more)
            for query, hits in enumerate(answer):
                keys_R = np.array([hit[ROW] for hit in hits], dtype=np.int64)
                rows_BR[query, : len(keys_R)] = self._rows(keys_R)
                scores_BR[query, : len(keys_R)] = [hit["distance"] for hit in hits]
        return best_first(rows_BR, scores_BR, k)

    def _ask(self, queries_BM: NDArray[np.float32], limit: int, more: dict[str, Any]) -> Any:
        return self._connection.ask(
            lambda: self._connection.client.search(
                self._collection,
                data=list(np.ascontiguousarray(queries_BM, dtype=np.float32)),
                anns_field=VECTOR,
                limit=limit,
                output_fields=[ROW],
                search_params={"metric_type": "IP", "params": self._care(limit)},
                partition_names=self._partitions,
                consistency_level=BOUNDED,
                timeout=self._connection.server.timeout_s,
                **more,
            ),
            what="search",
        )

    def _primary(self, rows_K: NDArray[np.int64]) -> list[int]:
        """Primary keys of rows."""
        shards_K = np.searchsorted(self._starts, rows_K, side="right") - 1
        firsts = np.array([stamp.first for stamp in self._stamps], dtype=np.int64)
        keys: list[int] = (firsts[shards_K] + rows_K - self._starts[shards_K]).tolist()
        return keys

    def _rows(self, keys_R: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of primary keys. Raises CorruptIndex for one that was never inserted."""
        shards_R = keys_R >> ROW_BITS
        places_R = np.minimum(np.searchsorted(self._keys, shards_R), len(self._keys) - 1)
        found_R = self._by_key[places_R]
        own_R = keys_R & ((1 << ROW_BITS) - 1)
        if (self._keys[places_R] != shards_R).any() or (own_R >= np.array(self.counts)[found_R]).any():
            raise CorruptIndex(
                f"{shown(self._connection, self._stamps[0])} has rows that were not inserted; build the index again."
            )
        rows_R: NDArray[np.int64] = self._starts[found_R] + own_R
        return rows_R
