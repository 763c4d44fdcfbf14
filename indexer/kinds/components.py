"""Codes of principal components: 4 bits for each, of what the centre of its list leaves of a vector.

Few components hold most of what is left (87% of it in 88 of 256, for texts), and FAISS scans such codes several times
as fast as RaBitQ's, whose estimate is corrected row by row.

Axes: D component, L list, M vector width, N row, S sample row.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.arrays import read_array
from indexer.errors import CorruptIndex
from indexer.kinds.codes import TRAINED, Shared, check
from indexer.kinds.files import read_faiss, unwritten, write_faiss
from indexer.kinds.half import BLOCK_ROWS, decode
from indexer.kinds.training import finder

GRAPH, PROJECTION = "lists.faiss", "projection.npy"
FEWEST = 16  # components, where a vector has as many numbers
SEED = 20261123


@dataclass(frozen=True)
class Components:
    """4 bits for each of the first components; `share` of a vector's numbers says how many."""

    share: float

    def like(self, width: int) -> Any:
        return _empty(np.zeros((1, self._number(width)), dtype=np.float32))

    def train(self, sample_SM: NDArray[np.float32], graph: Any, folder: Path) -> None:
        centres_LM = _vectors(graph)
        left_SM = centres_LM[_lists(finder(graph), sample_SM)]
        np.subtract(sample_SM, left_SM, out=left_SM)
        projection_DM = _projection(left_SM, self._number(sample_SM.shape[1]))
        index = _empty(centres_LM @ projection_DM.T)
        index.pq.train(left_SM @ projection_DM.T)
        index.is_trained = True
        write_faiss(index, folder / TRAINED)
        write_faiss(graph, folder / GRAPH)
        try:
            np.save(folder / PROJECTION, projection_DM)
        except OSError as error:
            raise unwritten(folder / PROJECTION, error) from error

    def read(self, folder: Path, *, width: int) -> Shared:
        codes = read_faiss(folder / TRAINED, like=self.like(width))
        graph = read_faiss(folder / GRAPH, like=faiss.IndexHNSWFlat(width, 1, faiss.METRIC_INNER_PRODUCT))
        check(codes, graph, folder / TRAINED)
        projection_DM = read_array(folder / PROJECTION, np.float32, axes=2)
        if projection_DM.shape != (codes.d, width):
            raise CorruptIndex(f"{folder / PROJECTION} does not fit its codes; build the index again.")
        return Shared(codes, graph, np.array(projection_DM))

    def fill(self, shared: Shared, vectors_NM: NDArray[np.float16]) -> Any:
        """FAISS finds the list of a row that it adds to a fast scan itself, here among projected centres, and a query
        looks for it among the centres themselves. Its slower index takes lists as they are given, and can be turned
        into a fast scan."""
        codes = shared.codes
        slow = faiss.IndexIVFPQ(codes.quantizer, codes.d, codes.nlist, codes.d, 4, faiss.METRIC_INNER_PRODUCT)
        slow.by_residual, slow.pq, slow.is_trained = True, codes.pq, True
        lists = finder(shared.graph)
        for start in range(0, len(vectors_NM), BLOCK_ROWS):
            block_NM = decode(np.ascontiguousarray(vectors_NM[start : start + BLOCK_ROWS]))
            lists_N, coded_ND = _lists(lists, block_NM), shared.coded(block_NM)
            slow.add_core(len(block_NM), faiss.swig_ptr(coded_ND), None, faiss.swig_ptr(lists_N))
        return faiss.IndexIVFPQFastScan(slow)

    def _number(self, width: int) -> int:
        return min(width, max(FEWEST, round(self.share * width)))


def _empty(centres_LD: NDArray[np.float32]) -> Any:
    """An index without a row, around centres as they are projected."""
    lists, numbers = centres_LD.shape
    quantizer = faiss.IndexFlatIP(numbers)
    quantizer.add(centres_LD)
    index = faiss.IndexIVFPQFastScan(quantizer, numbers, lists, numbers, 4, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = True
    return index


def _projection(left_SM: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """The first principal components [D, M] of what centres leave, turned at random.

    Turned, so that all numbers vary alike: each is coded in as many steps.
    """
    _, components_MM = np.linalg.eigh((left_SM.T @ left_SM).astype(np.float64))  # the least first
    first_DM = components_MM.T[-number:]
    turn_DD, _ = np.linalg.qr(np.random.default_rng(SEED).normal(size=(len(first_DM), len(first_DM))))
    return np.ascontiguousarray(turn_DD @ first_DM, dtype=np.float32)


def _lists(lists: Any, vectors_NM: NDArray[np.float32]) -> NDArray[np.int64]:
    _, lists_N1 = lists.search(vectors_NM, 1)
    return np.ascontiguousarray(lists_N1[:, 0])


def _vectors(graph: Any) -> NDArray[np.float32]:
    """The centres [L, M]."""
    return np.asarray(graph.reconstruct_n(0, graph.ntotal))
