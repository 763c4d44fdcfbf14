"""Putting hits in the order that a search promises.

Axes: B query, K hit wanted, R hit found.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.kinds.kind import Hits


def best_first(rows_BR: NDArray[np.int64], scores_BR: NDArray[np.float32], k: int) -> Hits:
    """The k best of the hits found: among equal scores the lower row first, and row -1 where there are too few."""
    scores_BR = np.where(rows_BR < 0, np.float32(-np.inf), scores_BR)
    if rows_BR.shape[1] > k:
        rows_BR, scores_BR = _without_most(rows_BR, scores_BR, k)
    elif rows_BR.shape[1] < k:
        missing = ((0, 0), (0, k - rows_BR.shape[1]))
        rows_BR = np.pad(rows_BR, missing, constant_values=-1)
        scores_BR = np.pad(scores_BR, missing, constant_values=-np.inf)
    order_BK = np.lexsort((rows_BR, -scores_BR), axis=1)[:, :k]
    return Hits(np.take_along_axis(rows_BR, order_BK, 1), np.take_along_axis(scores_BR, order_BK, 1))


def _without_most(
    rows_BR: NDArray[np.int64], scores_BR: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best of each query in any order, which are quicker to sort; all, where scores equal the k-th best."""
    places_BK = np.argpartition(scores_BR, -k, axis=1)[:, -k:]
    best_BK = np.take_along_axis(scores_BR, places_BK, 1)
    as_good = np.count_nonzero(scores_BR >= best_BK[:, :1], axis=1)
    if as_good.max(initial=k) > k:
        return rows_BR, scores_BR
    return np.take_along_axis(rows_BR, places_BK, 1), best_BK
