"""Exact search: every row is compared, in half precision.

Axes: B query, K hit, M vector width, N index row, S sample row.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.kinds.among import Among
from indexer.kinds.files import read_faiss, write_faiss
from indexer.kinds.half import BLOCK_ROWS
from indexer.kinds.kind import Cost, Hits
from indexer.kinds.order import best_first

if TYPE_CHECKING:
    from indexer.kinds.shortlist import Shortlist

SHARD = "exact.faiss"
SEVERAL = 3  # queries, from which on a shortlist is quicker than to read all rows for each
SHORTLIST_BYTES = 2**28  # of memory that it may take


@dataclass(frozen=True, kw_only=True)
class Exact:
    """Half-precision vectors as they are given, mapped into memory.

    Attributes:
        name: what `--index` calls it.
    """

    name: str = "exact-fp16"
    mapped = (SHARD,)

    def train(self, sample_SM: NDArray[np.float32], *, rows: int, folder: Path) -> None:
        """Writes nothing: vectors that stay as they are need nothing that shards share."""

    def write(self, vectors_NM: NDArray[np.float16], folder: Path, shared: Path) -> None:
        """Holds the shard's vectors in memory, N x M x 2 bytes, and one block of rows."""
        index = _empty(vectors_NM.shape[1])
        _reserve(index, len(vectors_NM))
        for start in range(0, len(vectors_NM), BLOCK_ROWS):
            block_NM = np.ascontiguousarray(vectors_NM[start : start + BLOCK_ROWS])
            index.add_sa_codes(block_NM.view(np.uint8))  # FAISS's own codes are the same bytes
        write_faiss(index, folder / SHARD)

    def open(self, shards: Sequence[Path], shared: Path, *, width: int, threads: int = 1) -> "ExactSearcher":
        return ExactSearcher([shard / SHARD for shard in shards], width=width, threads=threads)

    def kept(self, shard: Path, *, width: int) -> NDArray[np.float16]:
        searcher = self.open([shard], shard, width=width)  # whose mapping the blocks are views of
        return np.concatenate([np.empty((0, width), dtype=np.float16), *searcher.halves()])

    def cost(self, rows: int, width: int) -> Cost:
        read = rows * _empty(width).code_size
        kept = rows * width if rows * width <= SHORTLIST_BYTES else 0
        says = f"every query reads all {read / 1e9:.2f} GB of vectors, which stay mapped from the disk"
        if kept:
            says += f", and several at once {kept / 1e9:.2f} GB in memory"
        return Cost(memory=kept, disk=read, says=says)


class ExactSearcher:
    """Flat shards searched together; exact but for the rounding of half precision (scores to about 1e-4).

    Several queries at once are compared with a shortlist of the rows alone, which holds all that can be among the best:
    the scores are the same to the bit.

    Args:
        paths: the shards' files in the order of their rows.
        width: M.
        threads: how many threads one search may take.

    Attributes:
        counts: how many rows each shard has.

    Raises:
        CorruptIndex: a file does not hold such a shard.
    """

    def __init__(self, paths: Sequence[Path], *, width: int, threads: int) -> None:
        self._threads, self._empty = threads, _empty(width)
        # FAISS does not own what Python hands it, so the shards are kept here.
        self._shards = [read_faiss(path, like=self._empty, flags=faiss.IO_FLAG_MMAP_IFC) for path in paths]
        self.counts = [shard.ntotal for shard in self._shards]
        self._starts = np.cumsum([0, *self.counts])
        self._index = faiss.IndexShards(width)  # counts rows on from shard to shard
        for shard in self._shards:
            self._index.add_shard(shard)
        self._lock = threading.Lock()
        self._made: Shortlist | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        queries_BM = np.ascontiguousarray(queries_BM, dtype=np.float32)
        faiss.omp_set_num_threads(self._threads)
        listed_N = self._listed(queries_BM, k, among)
        if listed_N is not None:
            scores_BR, places_BR = self._with(listed_N).search(queries_BM, k)
            rows_BR = np.where(places_BR < 0, -1, np.append(listed_N, -1)[places_BR])
        elif among is None:
            scores_BR, rows_BR = self._index.search(queries_BM, k)
        else:
            scores_BR, rows_BR = self._selected(queries_BM, k, among)
        return best_first(rows_BR, scores_BR, k)

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        shards_K = np.searchsorted(self._starts, rows_K, side="right") - 1
        found_KM = np.empty((len(rows_K), self._index.d), dtype=np.float32)
        for place, (shard, row) in enumerate(zip(shards_K, rows_K, strict=True)):
            self._shards[shard].reconstruct(int(row - self._starts[shard]), found_KM[place])
        return found_KM

    def _listed(self, queries_BM: NDArray[np.float32], k: int, among: Among | None) -> NDArray[np.int64] | None:
        """Rows, ascending, that are enough to compare; None where it is quicker to look at all."""
        if among is not None and among.are_few:
            return among.rows
        shortlist = self._shortlist() if len(queries_BM) >= SEVERAL else None
        return None if shortlist is None else shortlist.rows(queries_BM, k, among)

    def _selected(
        self, queries_BM: NDArray[np.float32], k: int, among: Among
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(scores, rows) of the k best of each shard, one shard after the other. FAISS's `IndexShards` hands the same
        selector to every shard, whose rows it counts from 0."""
        scores, rows = [], []
        for shard, start in zip(self._shards, self._starts.tolist(), strict=False):
            chosen = faiss.SearchParameters(sel=among.selector(start, start + shard.ntotal))  # type: ignore[call-arg]
            scores_BK, rows_BK = shard.search(queries_BM, k, params=chosen)
            scores.append(scores_BK)
            rows.append(np.where(rows_BK < 0, -1, rows_BK + start))
        return np.concatenate(scores, axis=1), np.concatenate(rows, axis=1)

    def _shortlist(self) -> "Shortlist | None":
        """Made by the first who needs it; None where it does not pay."""
        from indexer.kinds.shortlist import Shortlist, pays  # torch takes a second, which few who search need wait

        rows, width = len(self), self._index.d
        if rows * width > SHORTLIST_BYTES or not pays(rows=rows, width=width):
            return None
        with self._lock:
            if self._made is None:
                self._made = Shortlist(self.halves(), rows=rows, width=width, threads=self._threads)
            return self._made

    def _with(self, rows_N: NDArray[np.int64]) -> Any:
        """An index of these rows, which are in ascending order."""
        index = faiss.clone_index(self._empty)
        for shard, start in zip(self._shards, self._starts, strict=False):
            first, end = np.searchsorted(rows_N, (start, start + shard.ntotal))
            if first < end:
                index.add_sa_codes(_codes(shard)[rows_N[first:end] - start])
        return index

    def halves(self) -> Iterator[NDArray[np.float16]]:
        """All rows in half precision, block by block in their order, as they are mapped."""
        for shard in self._shards:
            if shard.ntotal:
                rows_NM = _codes(shard).view(np.float16)
                yield from (rows_NM[start : start + BLOCK_ROWS] for start in range(0, shard.ntotal, BLOCK_ROWS))


def _empty(width: int) -> Any:
    return faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def _codes(shard: Any) -> NDArray[np.uint8]:
    """A shard's codes as they are mapped, [rows, bytes]; of one that has rows."""
    codes: NDArray[np.uint8] = faiss.rev_swig_ptr(shard.codes.data(), shard.codes.size())
    return codes.reshape(shard.ntotal, shard.code_size)


def _reserve(index: Any, rows: int) -> None:
    """Makes room for all rows at once: codes that grow are copied, and take twice the memory while they are."""
    index.codes.resize(rows * index.code_size)
    index.codes.resize(0)
