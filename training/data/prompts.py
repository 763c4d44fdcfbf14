"""How a question about a picture says what it is about: the four kinds of prompt that PL-VEL's Table 3 compares."""

from enum import StrEnum

import numpy as np

from wikiclip.masks import Mask, whole


class Prompt(StrEnum):
    """What of an annotation a system is shown beside the picture."""

    NONE = "none"
    TEXT = "text"  # the question, which a tower that knows text reads
    BOX = "box"
    MASK = "mask"

    @property
    def seen(self) -> "Prompt":
        """The prompt that the tower sees the same of the picture with: a question is no part of it."""
        return Prompt.NONE if self == Prompt.TEXT else self


def shown_by(prompt: Prompt, mask: Mask) -> Mask:
    """What of the picture a prompt points at, for a region [H, W] that has a pixel."""
    if prompt.seen == Prompt.NONE:
        return whole(*mask.shape)
    if prompt == Prompt.MASK:
        return mask
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = np.zeros_like(mask)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box
