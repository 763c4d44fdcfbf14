"""Inverted lists on FAISS's own GPU indexes: for vectors that outgrow GPUs in half precision, a byte a number.

Of the inverted kinds, FAISS can clone the lists of `balanced-sq8` alone: not fast-scan codes, nor a graph that finds
the lists, in whose place it gets the flat centres that the graph is made of. So no list is missed that the graph may
miss. Over several GPUs the rows of each list are dealt out by turns, so that all scan as much for each query.

What the codes find is put in order again on the host, by the vectors in the mapped files, as on the CPU.

Nothing but FAISS and NumPy is imported, so that this can be tried where there is no torch.

Axes: B query, K hit, M vector width, R row to be put in order.
"""

import threading
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.kinds.among import Among
from indexer.kinds.codes import finding_lists_by
from indexer.kinds.gpu.faiss_exact import MOST
from indexer.kinds.inverted import InvertedSearcher
from indexer.kinds.kind import Hits


def can_clone(host: InvertedSearcher) -> bool:
    """Whether FAISS takes lists like these to GPUs."""
    return isinstance(host.shared.codes, faiss.IndexIVFScalarQuantizer)


def clone_on_gpus(host: InvertedSearcher, gpus: list[int]) -> Any:
    """The lists and codes on those GPUs, on several as `IndexShards`; looks into `host.look(1).probes` lists.

    While they are copied, the host holds the codes once more. The resources of GPUs are as for `empty_on_gpus`.

    Raises:
        RuntimeError: FAISS's own, such as for a GPU that is not there or has no memory left.
    """
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    options.indicesOptions = faiss.INDICES_64_BIT  # type: ignore[attr-defined]
    options.use_cuvs = False
    codes = host.shared.codes
    before = codes.nprobe
    codes.nprobe = host.look(1).probes  # which a clone takes over
    try:
        with finding_lists_by(host.shared.centres, codes):
            return faiss.index_cpu_to_gpus_list(codes, co=options, gpus=gpus)
    finally:
        codes.nprobe = before


class FaissGpuLists:
    """Lists on FAISS's GPUs, vectors on the host's disk. Safe on any thread: one search of the lists runs at a time.

    Args:
        index: what `clone_on_gpus` made.
        host: the same rows on the CPU. It puts hits in order, and searches where a query must look further than a GPU
            does: for more hits than its lists should hold, or than it can select; and among some of the rows, which a
            GPU does not tell apart.
    """

    def __init__(self, index: Any, host: InvertedSearcher) -> None:
        self._index, self._host, self._lock = index, host, threading.Lock()
        self._probes = host.look(1).probes

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        look = self._host.look(k)
        is_far = look.probes > self._probes or not 0 < look.depth <= MOST
        if len(queries_BM) == 0 or is_far or among is not None:
            return self._host.search(queries_BM, k, among=among)
        queries_BM = np.ascontiguousarray(queries_BM, dtype=np.float32)
        with self._lock:
            _, rows_BR = self._index.search(queries_BM, look.depth)
        return self._host.in_order(queries_BM, rows_BR, look, k)

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._host.vectors(rows_K)
