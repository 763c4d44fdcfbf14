"""The rows that a search is about: the others are left out before anything is compared.

Axes: B query, K row that may be found, N index row, R hit of a ranking.
"""

from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

# Of the rows, up to which it is quicker to fetch them one by one than to ask of each row whether it is one of them
# (docs/filters.md).
FEW = 1 / 64


class Among:
    """Some of an index's rows. Safe on any thread.

    Args:
        mask_N: whether a row may be found; not to be changed.

    Attributes:
        mask_N: as given.
        count: how many may be.
    """

    def __init__(self, mask_N: NDArray[np.bool_]) -> None:
        self.mask_N = mask_N
        self.count = int(np.count_nonzero(mask_N))
        self._bits: dict[tuple[int, int], NDArray[np.uint8]] = {}

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Their numbers, ascending."""
        return np.flatnonzero(self.mask_N)

    @property
    def are_few(self) -> bool:
        """Whether they are quicker to fetch than to be told from all the others."""
        return self.count <= FEW * len(self.mask_N)

    def of_ranking(self, rows_BR: NDArray[np.int64], k: int) -> NDArray[np.int64] | None:
        """The rows of a ranking of all rows, with -1 for those that may not be found; None where it does not reach far
        enough for the k best that may."""
        passes_BR = (rows_BR >= 0) & self.mask_N[rows_BR]
        is_enough = (passes_BR.sum(axis=1) >= min(k, self.count)).all()
        return np.where(passes_BR, rows_BR, -1) if is_enough else None

    def reach(self, k: int) -> int:
        """How many of all rows should be ranked so that the k best that may be found are among them: twice as many as
        where these lie evenly."""
        return 2 * min(k, self.count) * len(self.mask_N) // max(1, self.count)

    def selector(self, start: int, end: int) -> Any:
        """FAISS's selector of the rows from `start` on and before `end`, which it counts from 0."""
        bits = self._bits.get((start, end))
        if bits is None:
            bits = self._bits[start, end] = np.packbits(self.mask_N[start:end], bitorder="little")
        return faiss.IDSelectorBitmap(bits)  # type: ignore[arg-type,call-arg]
