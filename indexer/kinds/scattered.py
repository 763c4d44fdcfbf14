"""Rows that lie scattered in a mapped file: the disk is asked for all of them before the first is waited for.

Axes: K row asked for, M vector width, N row.
"""

import mmap
import resource
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ScatteredRows:
    """Some rows of a large array. Safe on any thread.

    Behind a page that is missing the system reads on, megabytes of rows that nobody asked for; here it is told not to.

    Args:
        mapped_NM: a `numpy.memmap`, whose mapping is nobody else's.
    """

    def __init__(self, mapped_NM: NDArray[np.float16]) -> None:
        rows_NM: Any = mapped_NM  # whose kind has no types of its own
        self._mapping: mmap.mmap = rows_NM.base
        self._mapping.madvise(mmap.MADV_RANDOM)
        self._rows_NM = np.asarray(mapped_NM)  # the same memory, without the cost of NumPy's subclass at every look
        self._start = rows_NM.offset % mmap.ALLOCATIONGRANULARITY  # where the mapping's file begins is a multiple of it

    def __len__(self) -> int:
        return len(self._rows_NM)

    def fetch(self, rows_K: NDArray[np.int64]) -> None:
        """Has the disk read rows that are not in memory, and does not wait; 4 microseconds a row."""
        stride = self._rows_NM.strides[0]
        starts_K = self._start + rows_K * stride
        ends_K = starts_K + stride
        starts_K -= starts_K % mmap.PAGESIZE
        for start, end in zip(starts_K.tolist(), ends_K.tolist(), strict=True):
            self._mapping.madvise(mmap.MADV_WILLNEED, start, end - start)

    def take(self, rows_K: NDArray[np.int64]) -> NDArray[np.float16]:
        """The rows [K, M]; waits for the disk where it must."""
        return np.take(self._rows_NM, rows_K, axis=0)


def disk_waits() -> int:
    """How often this thread has waited for a page to come from the disk (major faults, getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_majflt
