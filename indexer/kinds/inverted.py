"""Inverted lists of small codes in memory, put in order again by the vectors on the disk.

Axes: B query, D number that is coded, K hit, L list probed, M vector width, N index row, R row to be put in order,
S sample row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from indexer.kinds.among import Among
from indexer.kinds.codes import Code, Shared, finding_lists_by
from indexer.kinds.files import read_faiss, write_faiss
from indexer.kinds.kind import Cost, Hits
from indexer.kinds.merge import merge
from indexer.kinds.order import best_first
from indexer.kinds.rerank import VECTORS, VectorStore, read_vectors, write_vectors
from indexer.kinds.training import LINKS, SAMPLE_ROWS, centres, enough, graph, list_count
from wikiclip.base.machine import give_memory_back

CODES = "codes.faiss"
ID_BYTES = 8  # FAISS keeps a row's number beside its code
# Of the lists in memory against what they hold: FAISS makes room for a power of two (measured: six million rows in
# 8,192 lists, merged of six shards).
ROOM = 1.45
# Of how many times fewer rows may be found, the power that so many times more lists are looked into (docs/filters.md).
FURTHER = 0.75


@dataclass(frozen=True, kw_only=True)
class Inverted:
    """Lists found through an HNSW graph, codes in memory, vectors on the disk.

    Attributes:
        name: what `--index` calls it.
        code: what a vector becomes.
        probes: how many lists a query looks into.
        depth: how many of the best codes are compared by their vectors; k where that is more.
    """

    name: str
    code: Code
    probes: int
    depth: int
    mapped = (VECTORS,)

    def train(self, sample_SM: NDArray[np.float32], *, rows: int, folder: Path) -> None:
        lists = list_count(rows, len(sample_SM))
        sample_SM = enough(sample_SM)
        self.code.train(sample_SM, graph(centres(sample_SM, lists)), folder)

    def write(self, vectors_NM: NDArray[np.float16], folder: Path, shared: Path) -> None:
        """Holds the shard's codes in memory, twice where they are turned into another form, and a block of rows."""
        trained = self.code.read(shared, width=vectors_NM.shape[1])  # owns the quantizer that codes are filled over
        codes = self.code.fill(trained, vectors_NM)
        with finding_lists_by(faiss.IndexFlatIP(codes.d), codes):  # which the shards share, and no shard need repeat
            write_faiss(codes, folder / CODES)
        write_vectors(vectors_NM, folder)

    def open(self, shards: Sequence[Path], shared: Path, *, width: int, threads: int = 1) -> "InvertedSearcher":
        store = VectorStore(shards, width=width)
        together = self.code.read(shared, width=width)
        for shard, rows in zip(shards, store.counts, strict=True):
            part = read_faiss(shard / CODES, like=together.codes)
            _expect_rows(part, rows, where=shard / CODES)
            _merge(together.codes, part, where=shard / CODES)
        give_memory_back()  # lists that grew from shard to shard left holes, a tenth of what they take
        return InvertedSearcher(together, store, probes=self.probes, depth=self.depth, threads=threads)

    def kept(self, shard: Path, *, width: int) -> NDArray[np.float16]:
        return read_vectors(shard, width=width)

    def cost(self, rows: int, width: int) -> Cost:
        lists = list_count(rows, min(rows, SAMPLE_ROWS))
        codes = rows * (self.code.like(width).code_size + ID_BYTES)
        coarse = lists * (4 * width + 2 * 4 * LINKS)
        return Cost(
            memory=round(ROOM * codes) + coarse,
            disk=codes + coarse + rows * 2 * width,
            says=(
                f"every query reads about {min(self.probes, lists)} of {lists:,} lists,"
                f" of {codes / 1e9:.2f} GB of codes in memory, and up to {self.depth} vectors from the disk"
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How far a query looks.

    Attributes:
        depth: how many of the best codes are compared by their vectors.
        probes: how many lists are looked into.
        needed: how many of the `depth` must be found, or more lists are looked into.
    """

    depth: int
    probes: int
    needed: int


class InvertedSearcher:
    """All shards' codes as one index, and their vectors.

    Args:
        shared: with the codes of all rows.
        store: the vectors of the same rows.
        probes: how many lists a query looks into: more where k asks for it, and all where too few rows are found.
        depth: how many of the best codes are compared by their vectors; k where that is more.
        threads: how many threads one search may take.

    Attributes:
        counts: how many rows each shard has.
        shared: with the codes of all rows.
    """

    def __init__(self, shared: Shared, store: VectorStore, *, probes: int, depth: int, threads: int) -> None:
        self.shared, self._codes, self._store = shared, shared.codes, store
        self.counts = store.counts
        self._probes, self._depth, self._threads = probes, depth, threads

    def __len__(self) -> int:
        return int(self._codes.ntotal)

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        faiss.omp_set_num_threads(self._threads)
        queries_BM = np.ascontiguousarray(queries_BM, dtype=np.float32)
        look = self.look(k, among)
        if look.depth == 0 or len(queries_BM) == 0:
            nothing = (len(queries_BM), 0)
            return best_first(np.empty(nothing, dtype=np.int64), np.empty(nothing, dtype=np.float32), k)
        if among is not None and among.are_few:
            rows_BR = self._store.nearest(queries_BM, among.rows, look.depth)
            return best_first(rows_BR, self._store.scores(queries_BM, rows_BR), k)
        return self.in_order(queries_BM, self._nearest_codes(queries_BM, look, among), look, k, among)

    def look(self, k: int, among: Among | None = None) -> "Look":
        """How far a query for k hits looks: further where few of the rows may be found."""
        rows = len(self) if among is None else among.count
        depth = min(max(self._depth, k), rows)
        if depth == 0:
            return Look(depth=0, probes=0, needed=0)
        lists = self._codes.nlist
        wanted = min(k, depth)
        fair = -(-2 * wanted * lists // rows)  # lists that hold twice as many rows as are asked for
        probes = min(lists, max(round(self._probes * (len(self) / rows) ** FURTHER), fair))
        # Where every row is looked at, none may be left out: it could be a hit though enough others were found.
        return Look(depth=depth, probes=probes, needed=depth if probes == lists and depth == rows else wanted)

    def in_order(
        self,
        queries_BM: NDArray[np.float32],
        rows_BR: NDArray[np.int64],
        look: "Look",
        k: int,
        among: Among | None = None,
    ) -> Hits:
        """The k best of the rows [B, R] that codes found, by their vectors; more are looked for where too few were.

        Args:
            rows_BR: row -1 where there are fewer; changed in place.
            among: which rows may be found.
        """
        for find in (self._all_lists, self._all_rows):
            short = (rows_BR[:, : look.needed] < 0).any(axis=1)
            if short.any():
                rows_BR[short] = find(queries_BM[short], look, among)
        return best_first(rows_BR, self._store.scores(queries_BM, rows_BR), k)

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._store.vectors(rows_K)

    def _all_lists(self, queries_BM: NDArray[np.float32], look: "Look", among: Among | None) -> NDArray[np.int64]:
        return self._nearest_codes(queries_BM, replace(look, probes=self._codes.nlist), among)

    def _all_rows(self, queries_BM: NDArray[np.float32], look: "Look", among: Among | None) -> NDArray[np.int64]:
        """For FAISS's fast scan drops rows that have the worst code in every part, wherever it looks."""
        rows_BN = (np.arange(len(self)) if among is None else among.rows)[None]
        return np.concatenate(
            [
                best_first(rows_BN, self._store.scores(query_BM, rows_BN), look.depth).rows_BK
                for query_BM in np.split(queries_BM, len(queries_BM))
            ]
        )

    def _nearest_codes(self, queries_BM: NDArray[np.float32], look: "Look", among: Among | None) -> NDArray[np.int64]:
        """Rows [B, R] by the scores of their codes; -1 where the lists hold fewer."""
        depth, probes = look.depth, look.probes
        selector = None if among is None else among.selector(0, len(self))
        if 4 * probes >= self._codes.nlist:  # a graph is for finding few of many, and can miss some
            near_BL, lists_BL = self.shared.centres.search(queries_BM, probes)
        else:
            care = faiss.SearchParametersHNSW(efSearch=max(32, 2 * probes))  # type: ignore[attr-defined]
            near_BL, lists_BL = self.shared.graph.search(queries_BM, probes, params=care)
        coded_BD = np.ascontiguousarray(self.shared.coded(queries_BM))
        rows_BR = np.empty((len(queries_BM), depth), dtype=np.int64)
        scores_BR = np.empty(rows_BR.shape, dtype=np.float32)
        # FAISS's wrapper of this for Python takes no parameters, and setting them on the index is not for threads.
        self._codes.search_preassigned_c(
            len(coded_BD),
            faiss.swig_ptr(coded_BD),
            depth,
            faiss.swig_ptr(lists_BL),
            faiss.swig_ptr(near_BL),
            faiss.swig_ptr(scores_BR),
            faiss.swig_ptr(rows_BR),
            False,
            faiss.IVFSearchParameters(nprobe=probes, sel=selector),  # type: ignore[call-arg]
        )
        return rows_BR


def _expect_rows(part: Any, rows: int, *, where: Path) -> None:
    """Raises CorruptIndex where a shard's lists do not hold each of its rows once."""
    if part.ntotal != rows:
        raise CorruptIndex(f"{where} holds {part.ntotal} codes for {rows} vectors; build the index again.")
    try:
        part.make_direct_map(True)  # the place of each row; FAISS refuses a row that is out of range
    except RuntimeError as error:
        raise CorruptIndex(f"{where} has rows in its lists that there are not; build the index again.") from error
    places_N = faiss.vector_to_array(part.direct_map.array)
    part.set_direct_map_type(faiss.DirectMap.NoMap)  # type: ignore[attr-defined]
    if (places_N < 0).any():
        raise CorruptIndex(f"{where} does not have each of its {rows:,} rows in a list; build the index again.")


def _merge(merged: Any, part: Any, *, where: Path) -> None:
    """Moves one shard's codes behind those that are there.

    Raises:
        CorruptIndex: they are of another training.
    """
    try:
        with finding_lists_by(merged.quantizer, part):
            merge(merged, part)
    except RuntimeError as error:
        raise CorruptIndex(f"{where} does not fit what its shards share; build the index again.") from error
