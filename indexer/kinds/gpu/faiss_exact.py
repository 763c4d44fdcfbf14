"""Exact search on FAISS's own GPU indexes: half-precision rows sharded over all visible GPUs.

Of the kinds of index that there are here, FAISS 1.15 has only this one on GPUs in a form that answers as it does on the
CPU: it clones IndexFlat, IndexIVFFlat, IndexIVFPQ of 8 bits and IndexIVFScalarQuantizer, while the inverted kinds here
find their lists through a graph and, but for one, have fast-scan codes, neither of which it can clone. A flat scalar
quantizer of half precision, which exact-fp16 is on the disk, it clones onto one GPU but does not shard; a flat index it
shards and, with `useFloat16`, keeps in half precision. So an empty flat index is cloned, and its shards are filled.

Nothing but FAISS and NumPy is imported, so that this can be tried where there is no torch.

Axes: B query, K hit, M vector width, N row.
"""

import threading
from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.kinds.among import Among
from indexer.kinds.gpu.spread import shares, spread
from indexer.kinds.half import decode
from indexer.kinds.kind import Hits, Searcher
from indexer.kinds.order import best_first

MOST = 2048  # hits: what FAISS's selection on a GPU goes up to
SPARE = 16  # hits asked for beside k, so that equal scores about the k-th can be put in order
FILLED_BYTES = 2**28  # decoded at once. With every call FAISS moves what a GPU holds, so few are better.


def gpu_count() -> int:
    """How many GPUs FAISS sees; 0 where it was built without any."""
    return int(faiss.get_num_gpus())


def empty_on_gpus(width: int, gpus: list[int]) -> Any:
    """An empty flat index for inner products on those GPUs, in half precision; on several, `IndexShards` of them.

    The resources of a GPU (streams, scratch memory, cuBLAS handles) are not safe on several threads. FAISS makes one
    `StandardGpuResources` for each GPU here, and its `IndexShards` has a thread for each; that one search runs at a
    time is up to the caller.

    Raises:
        RuntimeError: FAISS's own, such as for a GPU that is not there or has no memory left.
    """
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    options.useFloat16 = True
    options.use_cuvs = False
    return faiss.index_cpu_to_gpus_list(faiss.IndexFlatIP(width), co=options, gpus=gpus)


def fill(index: Any, blocks: Iterable[NDArray[np.float16]], rows: int) -> None:
    """Adds rows [N, M] in their order to an empty index, or in equal shares to its shards.

    Raises:
        ValueError: there are fewer or more rows than `rows`.
        RuntimeError: FAISS's own, such as for memory that is not there.
    """
    is_sharded = isinstance(index, faiss.IndexShards)
    shards = [index.at(number) for number in range(index.count())] if is_sharded else [index]
    held: list[NDArray[np.float16]] = []
    last = 0
    for part, _, piece_NM in spread(blocks, shares(rows, len(shards))):
        if held and (part != last or sum(block_NM.size for block_NM in held) * 4 > FILLED_BYTES):
            shards[last].add(decode(np.concatenate(held)))
            held = []
        held.append(piece_NM)
        last = part
    if held:
        shards[last].add(decode(np.concatenate(held)))
    if is_sharded:
        index.syncWithSubIndexes()  # it counts rows when shards are added, and these were empty


class FaissGpuExact:
    """Rows on FAISS's GPUs. Safe on any thread: one search runs at a time.

    Among equal scores the lower row comes first, as far as they are among the hits that FAISS finds: where more than
    `SPARE` rows share the k-th score, it may leave out a lower one.

    Args:
        index: what `empty_on_gpus` made, filled.
        host: the same rows on the CPU. It serves `vectors`, and searches for more hits than a GPU can select. FAISS's
            flat indexes on GPUs leave out no rows: the host searches among few, and where a ranking of `MOST` does not
            have enough of those that may be found.
    """

    def __init__(self, index: Any, host: Searcher) -> None:
        self._index, self._host, self._lock = index, host, threading.Lock()

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        reach = k if among is None else among.reach(k)
        if reach > MOST or (among is not None and among.are_few):
            return self._host.search(queries_BM, k, among=among)
        queries_BM = np.ascontiguousarray(queries_BM, dtype=np.float32)
        if len(queries_BM) == 0:
            return best_first(np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.float32), k)
        with self._lock:
            scores_BR, rows_BR = self._index.search(queries_BM, min(reach + SPARE, MOST))
        if among is not None:
            passing_BR = among.of_ranking(rows_BR, k)
            if passing_BR is None:
                return self._host.search(queries_BM, k, among=among)
            rows_BR = passing_BR
        return best_first(rows_BR, scores_BR, k)

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._host.vectors(rows_K)
