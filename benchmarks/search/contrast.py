"""How hard a set of vectors is to search, and the same of the index that is really served.

Axes: N row, Q query, M vector width.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.truth import nearest
from indexer.kinds import kind_of
from indexer.version import read_version

MEAN_ROWS = 2**14  # rows that the mean distance is taken over


def relative_contrast(
    queries_QM: NDArray[np.float32], rows_NM: NDArray[np.float16], nearest_Q: NDArray[np.float32]
) -> float:
    """How much farther a row is on average than the nearest one: the mean distance of a query and a row over the mean
    distance of a query and its nearest row (He, Kumar and Chang, ICML 2012). Near 1 nothing can be found but by
    comparing all.

    Distances are Euclidean, between unit vectors; the mean is over evenly spread rows.

    Args:
        nearest_Q: the inner product of each query and its nearest row.
    """
    spread_NM = rows_NM[:: max(1, len(rows_NM) // MEAN_ROWS)].astype(np.float32)
    return float(_distance(queries_QM @ spread_NM.T).mean() / _distance(nearest_Q).mean())


def contrast_of_own(rows_NM: NDArray[np.float16], *, queries: int = 1000, seed: int = 0) -> float:
    """The relative contrast of rows taken out of a set against the rest of it, for a set without queries of its own."""
    chosen_N = np.zeros(len(rows_NM), dtype=np.bool_)
    chosen_N[np.random.default_rng(seed).choice(len(rows_NM), min(queries, len(rows_NM) // 2), replace=False)] = True
    out_QM, rest_NM = rows_NM[chosen_N].astype(np.float32), rows_NM[~chosen_N]
    return relative_contrast(out_QM, rest_NM, nearest(out_QM, rest_NM, 1).scores_QK[:, 0])


def _distance(products: NDArray[np.float32]) -> NDArray[np.float32]:
    distances: NDArray[np.float32] = np.sqrt(np.maximum(2 - 2 * products, 0))
    return distances


def index_vectors(home: Path) -> NDArray[np.float16]:
    """All vectors [N, M] of the current index version.

    Raises:
        NoIndex: nothing was published there.
    """
    version = read_version(home)
    searcher = kind_of(version.manifest.kind).open(version.shards, version.shared, width=version.manifest.dimension)
    vectors_NM: NDArray[np.float16] = searcher.vectors(np.arange(len(searcher))).astype(np.float16)
    return vectors_NM
