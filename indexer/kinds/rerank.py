"""The vectors themselves, on the disk: codes find the rows that may be nearest, these put them in order.

Axes: B query, K row asked for, M vector width, N row of a shard, R row to be scored.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.arrays import read_array
from indexer.errors import CorruptIndex
from indexer.kinds.files import unwritten
from indexer.kinds.half import BLOCK_ROWS, decode
from indexer.kinds.scattered import ScatteredRows, disk_waits

VECTORS = "vectors.npy"
NUMBERS_AT_ONCE = 2**18  # decoded at once: so few that they stay in the caches, so many that calls do not count
# To fetch a row costs 4 microseconds even where it is in memory, and to wait for one 60 or more. So after a look in
# which more than this share of the rows had to be waited for, some fetch theirs first, and tell whether to go on.
WAITED, FETCHES = 1 / 16, 4


def write_vectors(vectors_NM: NDArray[np.float16], folder: Path) -> None:
    """Writes one shard's vectors.

    Raises:
        WikiClipError: the disk is full or cannot be written.
    """
    try:
        np.save(folder / VECTORS, vectors_NM)
    except OSError as error:
        raise unwritten(folder / VECTORS, error) from error


def read_vectors(folder: Path, *, width: int) -> NDArray[np.float16]:
    """One shard's vectors [N, M], mapped.

    Raises:
        CorruptIndex: the file does not hold such vectors.
    """
    path = folder / VECTORS
    vectors_NM = read_array(path, np.float16, axes=2)
    if vectors_NM.shape[1] != width or not vectors_NM.flags.c_contiguous:
        raise CorruptIndex(f"{path} holds vectors of width {vectors_NM.shape[1]}, not {width}; build the index again.")
    return vectors_NM


class VectorStore:
    """Half-precision vectors of all shards, mapped into memory. Safe on any thread.

    Args:
        shards: the shards' folders in the order of their rows.
        width: M.

    Attributes:
        counts: how many rows each shard has.

    Raises:
        CorruptIndex: a file does not hold such vectors.
    """

    def __init__(self, shards: Sequence[Path], *, width: int) -> None:
        self._width = width
        self._shards = [ScatteredRows(read_vectors(shard, width=width)) for shard in shards]
        self.counts = [len(shard) for shard in self._shards]
        self._starts = np.cumsum([0, *self.counts])
        self._fetches = FETCHES  # that are left; not exact where threads look at once, and need not be

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of rows that exist, [K, M]."""
        return decode(self._halves(rows_K))

    def _halves(self, rows_K: NDArray[np.int64]) -> NDArray[np.float16]:
        shards_K = np.searchsorted(self._starts, rows_K, side="right") - 1
        found_KM = np.empty((len(rows_K), self._width), dtype=np.float16)
        asked = [
            (self._shards[shard], places, rows_K[places] - self._starts[shard])
            for shard in np.unique(shards_K)
            for places in [np.flatnonzero(shards_K == shard)]
        ]
        if self._fetches > 0:
            self._fetches -= 1
            for shard, _, own_K in asked:
                shard.fetch(own_K)
        before = disk_waits()
        for shard, places, own_K in asked:
            found_KM[places] = shard.take(own_K)
        if disk_waits() - before > WAITED * len(rows_K):
            self._fetches = FETCHES
        return found_KM

    def nearest(self, queries_BM: NDArray[np.float32], rows_K: NDArray[np.int64], depth: int) -> NDArray[np.int64]:
        """The `depth` best of these rows for each query, [B, R], in any order, and row -1 where there are fewer. What
        `scores` takes for those that are already few, which is more than FAISS takes, is exact."""
        best = [np.empty((len(queries_BM), 0), dtype=np.int64)]
        for few in _slices(len(rows_K), BLOCK_ROWS):
            index = faiss.IndexScalarQuantizer(self._width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
            index.add_sa_codes(self._halves(rows_K[few]).view(np.uint8))
            _, places_BR = index.search(queries_BM, min(depth, index.ntotal))
            best.append(rows_K[few][places_BR])
        return np.concatenate(best, axis=1)

    def scores(self, queries_BM: NDArray[np.float32], rows_BR: NDArray[np.int64]) -> NDArray[np.float32]:
        """The inner product of each query with each of its rows, [B, R]; minus infinity where the row is -1."""
        scores_BR = np.empty(rows_BR.shape, dtype=np.float32)
        rows_at_once = max(1, NUMBERS_AT_ONCE // self._width)
        for few in _slices(rows_BR.shape[1], rows_at_once):
            for some in _slices(len(rows_BR), max(1, rows_at_once // rows_BR.shape[1])):
                asked_BR = rows_BR[some, few].clip(min=0)
                vectors_BRM = self.vectors(asked_BR.ravel()).reshape(*asked_BR.shape, self._width)
                scores_BR[some, few] = np.vecdot(vectors_BRM, queries_BM[some, None])
        scores_BR[rows_BR < 0] = -np.inf
        return scores_BR


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
