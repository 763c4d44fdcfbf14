"""The oracle: every score, then a sort. Slow and obvious.

Axes: B query, K hit, M vector width, N index row.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.kinds.among import Among
from indexer.kinds.kind import Hits


class BruteForce:
    """Rows of any floating type, held in memory in single precision."""

    def __init__(self, rows_NM: NDArray[Any]) -> None:
        self._rows_NM = rows_NM.astype(np.float32)

    def __len__(self) -> int:
        return len(self._rows_NM)

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        scores_BN = queries_BM @ self._rows_NM.T
        best_BN = np.argsort(-scores_BN, axis=1, kind="stable")
        if among is not None:  # afterwards, out of all in their order
            best_BN = best_BN[among.mask_N[best_BN]].reshape(len(queries_BM), among.count)
        best_BK = best_BN[:, :k]
        missing = ((0, 0), (0, k - best_BK.shape[1]))
        return Hits(
            np.pad(best_BK, missing, constant_values=-1),
            np.pad(np.take_along_axis(scores_BN, best_BK, axis=1), missing, constant_values=-np.inf),
        )

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows_NM[rows_K]
