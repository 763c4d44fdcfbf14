"""What a mask is: a boolean array of the upright picture's size."""

import numpy as np
from numpy.typing import NDArray

# [H, W], True inside, in the frame of the upright picture.
Mask = NDArray[np.bool_]


def whole(height: int, width: int) -> Mask:
    """The mask [height, width] of the whole picture."""
    return np.ones((height, width), dtype=np.bool_)


def bounds(mask: Mask) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the pixels inside, the last two left out, of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
