"""Exact search by inner product over vectors kept in FAISS shards of a bounded size.

Axes: N index row, B query, M vector width, K hit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from wikiclip.errors import WikiClipError

SHARD_ROWS = 2**20  # one gibibyte at a width of 512: what a build holds in memory at most


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found: best first, among equal scores the lower row first; row -1 where there are fewer than K."""

    rows_BK: NDArray[np.int64]
    scores_BK: NDArray[np.float32]


class Searcher(Protocol):
    """Finds the rows nearest to each query by inner product; rows are positions in the entity-row table."""

    def __len__(self) -> int: ...  # rows

    def search(self, queries_BM: NDArray[np.float32], k: int) -> Hits: ...  # k of at least 1; any number of queries


class BruteForce:
    """The oracle: every score, then a sort. Slow and obvious."""

    def __init__(self, rows_NM: NDArray[Any]) -> None:
        self._rows_NM = rows_NM.astype(np.float32)

    def __len__(self) -> int:
        return len(self._rows_NM)

    def search(self, queries_BM: NDArray[np.float32], k: int) -> Hits:
        scores_BN = queries_BM @ self._rows_NM.T
        best_BK = np.argsort(-scores_BN, axis=1, kind="stable")[:, :k]
        missing = ((0, 0), (0, k - best_BK.shape[1]))
        return Hits(
            np.pad(best_BK, missing, constant_values=-1),
            np.pad(np.take_along_axis(scores_BN, best_BK, axis=1), missing, constant_values=-np.inf),
        )


class ExactShards:
    """Rows in half precision, all compared: exact but for rounding (scores to about 1e-4).

    Args:
        paths: the shards in the order of their rows; they are mapped into memory, not read.
        width: M.
        threads: how many threads one search may take. OpenMP counts them for each calling thread, so a server with
            several callers would otherwise start that many times the cores.

    Raises:
        CorruptIndex: FAISS does not know what a file holds.
    """

    def __init__(self, paths: Sequence[Path], *, width: int, threads: int = 1) -> None:
        self._threads = threads
        # FAISS does not own what Python hands it, so the shards are kept here.
        self._shards = [_mapped(path) for path in paths]
        self._index = faiss.IndexShards(width)  # counts rows on from shard to shard
        for shard in self._shards:
            self._index.add_shard(shard)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries_BM: NDArray[np.float32], k: int) -> Hits:
        faiss.omp_set_num_threads(self._threads)
        scores_BK, rows_BK = self._index.search(np.ascontiguousarray(queries_BM, dtype=np.float32), k)
        scores_BK[rows_BK < 0] = -np.inf
        order_BK = np.lexsort((rows_BK, -scores_BK), axis=1)
        return Hits(np.take_along_axis(rows_BK, order_BK, 1), np.take_along_axis(scores_BK, order_BK, 1))


def write_exact(
    blocks: Iterable[NDArray[np.float16]], folder: Path, *, width: int, shard_rows: int = SHARD_ROWS
) -> list[Path]:
    """Fills shards from blocks of rows [n, M] of any lengths and returns their paths in the order of rows.

    Raises:
        WikiClipError: the disk is full or cannot be written.
    """
    paths = []
    for number, shard in enumerate(_filled(blocks, width, shard_rows)):
        paths.append(folder / f"{number:05d}.faiss")
        try:
            faiss.write_index(shard, str(paths[-1]))
        except RuntimeError as error:
            raise WikiClipError(f"{paths[-1]} could not be written; is the disk full? ({error})") from error
    return paths


def _mapped(path: Path) -> Any:
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise CorruptIndex(f"{path} cannot be read by the FAISS that is installed ({error}).") from error


def _filled(blocks: Iterable[NDArray[np.float16]], width: int, shard_rows: int) -> Iterator[Any]:
    shard = _empty(width)
    for block_NM in blocks:
        while len(block_NM):
            room = shard_rows - shard.ntotal
            shard.add(block_NM[:room].astype(np.float32))
            block_NM = block_NM[room:]
            if shard.ntotal == shard_rows:
                yield shard
                shard = _empty(width)
    if shard.ntotal:
        yield shard


def _empty(width: int) -> Any:
    return faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
