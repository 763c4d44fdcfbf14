"""Putting hits in the order that a search promises.

Axes: B query, K hit wanted, R hit found.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.kinds.kind import Hits


def best_first(rows_BR: NDArray[np.int64], scores_BR: NDArray[np.float32], k: int) -> Hits:
    """The k best of the hits found: among equal scores the lower row first, and row -1 where there are too few."""
    missing = ((0, 0), (0, max(0, k - rows_BR.shape[1])))
    rows_BR = np.pad(rows_BR, missing, constant_values=-1)
    scores_BR = np.where(rows_BR < 0, -np.inf, np.pad(scores_BR, missing)).astype(np.float32)
    order_BK = np.lexsort((rows_BR, -scores_BR), axis=1)[:, :k]
    return Hits(np.take_along_axis(rows_BR, order_BK, 1), np.take_along_axis(scores_BR, order_BK, 1))
