"""An item: the picture of one record with the description of another, or of the same; either may be missing."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wikiclip.entity import EntityFeatures

NONE = -1  # in place of a record's row: no picture, or no description


class ItemSource(Protocol):
    """Where items' frozen features come from; `training.data.records.Records` is one."""

    def items(self, picture_I: NDArray[np.int64], text_I: NDArray[np.int64]) -> EntityFeatures:
        """Returns the pictures of some rows with the descriptions of others; a row without a picture gives none."""
        ...
