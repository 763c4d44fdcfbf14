"""A box first, then the outline in it, as Grounding DINO and SAM are joined (Ren et al., Grounded SAM, 2024).

Square windows of two sizes are cut out of the picture as mentions. The one that is most like the entity is often a part
of it alone, so each votes for its pixels, by how like it is, and the box is about what has most votes. The default
segmenter outlines what is in it.

Axes: N window, M of mention vectors; H, W cells.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask, bounds
from wikiclip.model import WikiClip
from wikiclip.segmenters.grabcut import GrabCut
from wikiclip.segmenters.named.boxes import covering, scale
from wikiclip.segmenters.named.likeness import Vectors, entities, looked_at, mentions, ranked
from wikiclip.segmenters.naming import Candidate, Reference
from wikiclip.segmenters.segmenter import Box, Segmenter
from wikiclip.segmenters.tower import TowerGuided

SIZES = 0.3, 0.6  # of a window, as shares of the picture's shorter side
STEP = 0.5  # from one window to the next, at most, as a share of its own side
CELLS = 64  # along the picture's longer side, that are voted for
TEMPERATURE = 0.08  # of cosines: a window that is less like the entity by it has a third of the vote
SHARE = 0.3  # of the way from the least to the most votes, above which cells are in the box


class Windows:
    """See the head of the file.

    Args:
        model: that made the entities' vectors; it is shared, and stays on its device.
    """

    method = "windows"

    def __init__(self, model: WikiClip) -> None:
        self._model = model
        self._outlines: Segmenter = TowerGuided(model.vision) if model.vision.grid > 1 else GrabCut()

    def find(self, image: Image.Image, references: Sequence[Reference]) -> list[list[Candidate]]:
        small = looked_at(image)
        boxes = windows(small.width, small.height)
        vectors_NM = mentions(self._model, small, (_filled(box, small) for box in boxes))
        found = []
        for entity_M in entities(self._model, references):
            box = _scaled(voted(boxes, vectors_NM @ entity_M, small.width, small.height), small.size, image.size)
            mask = self._outlines.segment(small, box, size=image.size)[0]
            found.append(ranked(self._model, image, [(mask, box)], entity_M))
        return found


def windows(width: int, height: int) -> list[Box]:
    """Windows that cover a picture."""
    sides = [size * scale(width, height) for size in SIZES]
    return list(dict.fromkeys(box for side in sides for box in covering(width, height, side, step=STEP)))


def voted(boxes: Sequence[Box], likeness_N: Vectors, width: int, height: int) -> Box:
    """The box about the cells that windows vote for most, and that hang together with the first of all."""
    shrink = min(1.0, CELLS / max(width, height))
    votes_HW = np.zeros((max(1, round(height * shrink)), max(1, round(width * shrink))), np.float32)
    down, across = votes_HW.shape[0] / height, votes_HW.shape[1] / width
    for box, vote in zip(boxes, np.exp((likeness_N - likeness_N.max()) / TEMPERATURE), strict=True):
        rows = slice(round(box.top * down), max(round(box.top * down) + 1, round(box.bottom * down)))
        columns = slice(round(box.left * across), max(round(box.left * across) + 1, round(box.right * across)))
        votes_HW[rows, columns] += vote
    inside_HW = votes_HW >= votes_HW.min() + SHARE * np.ptp(votes_HW)
    _, pieces_HW = cv2.connectedComponents(inside_HW.astype(np.uint8), connectivity=4)
    left, top, right, bottom = bounds(np.asarray(pieces_HW == pieces_HW.ravel()[votes_HW.argmax()]))
    return Box(
        int(left / across), int(top / down), min(width, round(right / across)), min(height, round(bottom / down))
    )


def _scaled(box: Box, small: tuple[int, int], large: tuple[int, int]) -> Box:
    """The pixels of the large picture that lie under a box of the small one; sizes are width and height."""
    (width, height), (wide, high) = small, large
    return Box(
        box.left * wide // width,
        box.top * high // height,
        -(-box.right * wide // width),
        -(-box.bottom * high // height),
    )


def _filled(box: Box, image: Image.Image) -> Mask:
    mask: NDArray[np.bool_] = np.zeros((image.height, image.width), np.bool_)
    mask[box.top : box.bottom, box.left : box.right] = True
    return mask
