"""What a mask is, and what can be wrong with a region that should become one."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wikiclip.errors import WikiClipError

# [H, W], True inside, in the frame of the upright picture.
Mask = NDArray[np.bool_]

RegionCode = Literal[
    "malformed-region",  # none of the forms, fields that do not belong, or two forms at once
    "malformed-rle",
    "malformed-polygon",
    "malformed-box",
    "malformed-png",
    "mask-size-mismatch",  # an RLE or a PNG that is not of the picture's size
    "outside-picture",  # a box that lies wholly outside
    "empty-mask",  # well-formed, but no pixel is inside
    "region-too-complex",  # past a bound that keeps the work of one region small
]
REGION_CODES: tuple[RegionCode, ...] = get_args(RegionCode)


class RegionError(WikiClipError):
    """A region that cannot become a mask. The message never repeats what the caller sent.

    Attributes:
        code: the cause, stable from release to release.
    """

    def __init__(self, code: RegionCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def bounds(mask: Mask) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the pixels inside, the last two left out, of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
