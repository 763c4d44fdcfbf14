"""What a vector becomes in an inverted list: the seam to `components`, and codes of whole vectors.

Axes: D number that is coded, M vector width, N row, S sample row.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from indexer.kinds.files import read_faiss, write_faiss
from indexer.kinds.half import BLOCK_ROWS, decode
from indexer.kinds.training import finder

TRAINED = "trained.faiss"
# An empty index of some code: of (coarse quantizer, width, lists).
EmptyIndex = Callable[[Any, int, int], Any]


@dataclass(frozen=True)
class Shared:
    """What all shards share, open.

    Attributes:
        codes: FAISS's index, which holds no row when it is read.
        graph: FAISS's HNSW over the lists' centres.
        projection_DM: turns a vector into the numbers that are coded; None where it is coded as it is.
    """

    codes: Any
    graph: Any
    projection_DM: NDArray[np.float32] | None = None

    @property
    def centres(self) -> Any:
        """FAISS's flat index of the lists' centres."""
        return faiss.downcast_index(self.graph.storage)

    def coded(self, vectors_NM: NDArray[np.float32]) -> NDArray[np.float32]:
        """The numbers of vectors that are coded, [N, D].

        No matrix product: threads of the library for these go on waiting for work where a scan needs the cores.
        """
        return vectors_NM if self.projection_DM is None else np.vecdot(vectors_NM[:, None], self.projection_DM[None])


class Code(Protocol):
    """A way to make vectors small."""

    def like(self, width: int) -> Any: ...  # an index of one list, without a row

    def train(self, sample_SM: NDArray[np.float32], graph: Any, folder: Path) -> None: ...  # writes what shards share

    def read(self, folder: Path, *, width: int) -> Shared: ...  # raises CorruptIndex

    def fill(self, shared: Shared, vectors_NM: NDArray[np.float16]) -> Any: ...  # an index, over a quantizer of shared


@dataclass(frozen=True)
class WholeVectors:
    """Codes of FAISS's own of all of a vector's numbers."""

    empty: EmptyIndex

    def like(self, width: int) -> Any:
        return self.empty(faiss.IndexFlatIP(width), width, 1)

    def train(self, sample_SM: NDArray[np.float32], graph: Any, folder: Path) -> None:
        index = self.empty(graph, sample_SM.shape[1], graph.ntotal)
        index.train(sample_SM)
        write_faiss(index, folder / TRAINED)

    def read(self, folder: Path, *, width: int) -> Shared:
        index = read_faiss(folder / TRAINED, like=self.like(width))
        graph = faiss.downcast_index(index.quantizer)
        check(index, graph, folder / TRAINED)
        return Shared(index, graph)

    def fill(self, shared: Shared, vectors_NM: NDArray[np.float16]) -> Any:
        with finding_lists_by(finder(shared.graph), shared.codes):
            for start in range(0, len(vectors_NM), BLOCK_ROWS):
                shared.codes.add(decode(np.ascontiguousarray(vectors_NM[start : start + BLOCK_ROWS])))
        return shared.codes


def pq(quantizer: Any, width: int, lists: int) -> Any:
    """4 bits for each 8 numbers of a vector, or for more where the width cannot be divided by them.

    What the list's centre leaves of a vector is coded. Vectors of texts share a direction (their mean has a length of
    0.73), and codes of whole vectors tell little of the rest: of 200,000 they put 49% of the 10 nearest within the best
    100, codes of what is left 80%.
    """
    parts = next(parts for parts in range(max(1, width // 8), 0, -1) if width % parts == 0)
    index = faiss.IndexIVFPQFastScan(quantizer, width, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = True
    return index


def sq8(quantizer: Any, width: int, lists: int) -> Any:
    """A byte a number."""
    code = faiss.ScalarQuantizer.QT_8bit
    return faiss.IndexIVFScalarQuantizer(quantizer, width, lists, code, faiss.METRIC_INNER_PRODUCT)


def rabitq(quantizer: Any, width: int, lists: int) -> Any:
    """A bit a number, and 8 bytes a vector that make the estimate unbiased (RaBitQ, arXiv 2405.12497)."""
    return faiss.IndexIVFRaBitQFastScan(quantizer, width, lists, faiss.METRIC_INNER_PRODUCT)


def check(codes: Any, graph: Any, path: Path) -> None:
    """Raises CorruptIndex where they do not belong together."""
    if not isinstance(graph, faiss.IndexHNSW) or graph.ntotal != codes.nlist or codes.ntotal:
        raise CorruptIndex(f"{path} is not trained; build the index again.")


@contextmanager
def finding_lists_by(quantizer: Any, index: Any) -> Iterator[None]:
    """Lends an index another coarse quantizer; its own, which it owns, comes back."""
    own = index.quantizer
    index.quantizer = quantizer
    try:
        yield
    finally:
        index.quantizer = own
