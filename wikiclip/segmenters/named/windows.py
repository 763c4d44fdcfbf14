"""A box first, then the outline in it, as Grounding DINO and SAM are joined (Ren et al., Grounded SAM, 2024).

Windows of several sizes and shapes are cut out of the picture as mentions. Those that are most like the entity are
boxes for the default segmenter, and what it outlines is compared with the entity again.

Axes: N window, M of mention vectors.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.segmenters.grabcut import GrabCut
from wikiclip.segmenters.named.boxes import apart, covering, scale
from wikiclip.segmenters.named.likeness import Vectors, entities, mentions, ranked
from wikiclip.segmenters.naming import Candidate, Reference
from wikiclip.segmenters.segmenter import Box, Segmenter
from wikiclip.segmenters.tower import TowerGuided

SIZES = 0.42, 0.6, 0.85  # the root of a window's area, as a share of the picture's shorter side
SHAPES = 0.5, 1.0, 2.0  # width by height
STEP = 0.5  # from one window to the next, at most, as a share of its own side
BOXES = 2  # that are outlined
OVERLAP = 0.5  # IoU by which a window is nearly the same as a better one


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
        boxes = windows(image.width, image.height)
        vectors_NM = mentions(self._model, image, [_filled(box, image) for box in boxes])
        return [self._found(image, boxes, vectors_NM, entity_M) for entity_M in entities(self._model, references)]

    def _found(self, image: Image.Image, boxes: list[Box], vectors_NM: Vectors, entity_M: Vectors) -> list[Candidate]:
        order = np.argsort(-(vectors_NM @ entity_M), kind="stable")
        best = apart([boxes[n] for n in order], most=OVERLAP)[:BOXES]
        drawn = [(self._outlines.segment(image, box)[0], box) for box in best]
        return ranked(self._model, image, drawn, entity_M)


def windows(width: int, height: int) -> list[Box]:
    """Windows that cover a picture, the whole of it first."""
    found = [Box(0, 0, width, height)]
    for size in SIZES:
        for shape in SHAPES:
            wide, high = (size * scale(width, height) * shape**power for power in (0.5, -0.5))
            found += covering(width, height, wide, high, step=STEP)
    return list(dict.fromkeys(found))


def _filled(box: Box, image: Image.Image) -> Mask:
    mask = np.zeros((image.height, image.width), np.bool_)
    mask[box.top : box.bottom, box.left : box.right] = True
    return mask
