"""Arrays of an index, mapped from the disk, and the check that they point at what is there.

A number out of range would be found by whoever is answered with it, one search in a million; so it is looked for when
an index is opened, in all numbers at once.

Axes: N number.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex


def read_array(path: Path, kind: type[np.generic], *, axes: int = 1) -> NDArray[Any]:
    """An array that stays on the disk until it is looked at.

    Raises:
        CorruptIndex: the file is not an array of that kind.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise CorruptIndex(f"{path} is not an array ({error}); build the index again.") from error
    if array.dtype != kind or array.ndim != axes:
        raise CorruptIndex(f"{path} holds {array.dtype} of {array.ndim} axes; build the index again.")
    return array


def expect_each_once(numbers_N: NDArray[Any], count: int, *, where: Path) -> None:
    """Raises CorruptIndex where the numbers are not 0 to `count` - 1, each once, in any order."""
    if len(numbers_N) == count:
        seen = np.zeros(count, dtype=np.bool_)
        if count and numbers_N.min() >= 0 and numbers_N.max() < count:
            seen[numbers_N] = True
        if seen.all():
            return
    raise CorruptIndex(f"{where} does not name each of {count:,} once; build the index again.")


def expect_ascending(numbers_N: NDArray[Any], *, where: Path) -> None:
    """Raises CorruptIndex where a number is less than the one before it."""
    if (numbers_N[1:] < numbers_N[:-1]).any():
        raise CorruptIndex(f"{where} is not in ascending order; build the index again.")
