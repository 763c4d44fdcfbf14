"""The rows that a search is about: the others are left out before anything is compared.

Axes: K row that may be found, N index row.
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

    def selector(self, start: int, end: int) -> Any:
        """FAISS's selector of the rows from `start` on and before `end`, which it counts from 0."""
        bits = self._bits.get((start, end))
        if bits is None:
            bits = self._bits[start, end] = np.packbits(self.mask_N[start:end], bitorder="little")
        return faiss.IDSelectorBitmap(bits)  # type: ignore[arg-type,call-arg]
