"""The seam between a name and the many ways to find what it names in a picture: open-vocabulary segmentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.segmenters.segmenter import Box


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What is looked for.

    Attributes:
        words: such as "the brown cat on the chair".
        entity_M: the unit vector of the entity in an index, where it is known; a segmenter that reads words leaves it.
    """

    words: str
    entity_M: NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """Something in the picture that a reference may mean.

    Attributes:
        mask: [H, W] of the picture's size, at least one pixel.
        confidence: 0 to 1, as the segmenter has it; those of two segmenters are not of one scale.
        box: in which the mask was drawn, where a segmenter looks for a box first; None for one that draws at once.
    """

    mask: Mask
    confidence: float
    box: Box | None = None


class NameSegmenter(Protocol):
    """Finds what is named. Safe on any thread."""

    @property
    def method(self) -> str: ...  # what an annotation calls it

    def find(self, image: Image.Image, references: Sequence[Reference]) -> list[list[Candidate]]:
        """For each reference the candidates, the surest first, none where nothing in the picture is like it.

        Args:
            image: upright, RGB.
            references: of one picture, which is looked at once for all of them.
        """
