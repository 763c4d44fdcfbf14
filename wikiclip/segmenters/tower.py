"""The default segmenter: what the vision tower sees alike belongs together, and GrabCut draws the outline.

The tower has seen a million pictures of things; its maps tell a thing's patches from what is behind it where both have
the same colours. They are coarse, so they only say where GrabCut starts. A click starts as plain GrabCut does, since
its outlines were nearer to the true ones than any that a click started on the maps (docs/notebook/outlines.md); what
the maps make of a part and of a large thing about it are the other masks that it may mean. Proposals are of both.

Axes: H, W pixels; C channel of a map.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.segmenters.canvas import Canvas
from wikiclip.segmenters.cells import Cells, Floats
from wikiclip.segmenters.grabcut import SIDE, GrabCut, cut, piece_at, rim, softened
from wikiclip.segmenters.guesses import guess
from wikiclip.segmenters.proposing import proposed
from wikiclip.segmenters.segmenter import Box, Point, Prompt, answering, told_apart
from wikiclip.towers.vision import VisionTower

ROUNDS = 2  # of GrabCut, which starts near the end
COARSE = 160  # pixels of the copy that the other masks of a click are outlined on
RADII = 0.07, 0.33  # of a part and of a large thing, as shares of the picture's shorter side
SURE = 2  # pixels about a click that surely are inside


class TowerGuided:
    """See the head of the file.

    Args:
        tower: of a model that is loaded; it is shared, and stays on its device.
    """

    method, side = "tower", SIDE

    def __init__(self, tower: VisionTower) -> None:
        self._tower, self._plain = tower, GrabCut()

    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        if prompt is None:
            canvas = Canvas.of(image, side=SIDE, size=size)
            return [canvas.large(mask) for mask in proposed(canvas.rgb_HWC, self._cells(canvas.rgb_HWC))]
        if isinstance(prompt, Box):
            canvas = Canvas.of(image, side=SIDE, size=size)
            return [answering(canvas.large(self._within(canvas, canvas.box(prompt))), prompt)]
        canvas = Canvas.of(image, side=COARSE, size=size)
        others = [answering(canvas.large(mask), prompt) for mask in self._around(image, canvas, canvas.point(prompt))]
        return told_apart([*self._plain.segment(image, prompt, size=size), *others])

    def _within(self, canvas: Canvas, box: Box) -> Mask:
        """What is unlike all that lies outside of a box."""
        outside_HW = np.ones(canvas.rgb_HWC.shape[:2], dtype=np.bool_)
        outside_HW[box.top : box.bottom, box.left : box.right] = False
        if not outside_HW.any():
            outside_HW = rim(outside_HW.shape)
        cells = self._cells(canvas.rgb_HWC)
        share_hw = cv2.resize(outside_HW.astype(np.float32), cells.shape[::-1], interpolation=cv2.INTER_AREA)
        labels_HW = _labels(cells.within(share_hw > 1 - 1e-6), outside_HW)
        return cut(softened(canvas.rgb_HWC), labels_HW, rounds=ROUNDS)

    def _around(self, image: Image.Image, canvas: Canvas, at: Point) -> list[Mask]:
        """What hangs together with a point, as a part and as a large thing."""
        cells = self._cells(Canvas.of(image, side=SIDE, size=None).rgb_HWC)
        height, width = canvas.rgb_HWC.shape[:2]
        x, y = (at.x + 0.5) * cells.shape[1] / width, (at.y + 0.5) * cells.shape[0] / height
        masks = []
        for radius in RADII:
            labels_HW = _labels(cells.around(x, y, radius * min(cells.shape)), rim((height, width)))
            cv2.circle(labels_HW, (at.x, at.y), SURE, cv2.GC_FGD, cv2.FILLED)
            masks.append(piece_at(cut(canvas.rgb_HWC, labels_HW, rounds=ROUNDS), at))
        return masks

    def _cells(self, rgb_HWC: NDArray[np.uint8]) -> Cells:
        """The picture's cells, for which the tower sees it at its usual size, however small it is."""
        grow = SIDE / max(rgb_HWC.shape[:2])
        height, width = (max(32, round(side * grow)) for side in rgb_HWC.shape[:2])
        seen = rgb_HWC if (height, width) == rgb_HWC.shape[:2] else cv2.resize(rgb_HWC, (width, height))
        pixels_1CHW = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None]
        return Cells.of(
            rgb_HWC, [map_1Chw[0].permute(1, 2, 0).cpu().numpy() for map_1Chw in self._tower.maps(pixels_1CHW)]
        )


def _labels(inside_hw: Floats, outside_HW: Mask) -> NDArray[np.uint8]:
    """What GrabCut starts from: what is likely inside and outside by the cells, and what surely is outside."""
    inside_HW = cv2.resize(inside_hw.astype(np.float32), outside_HW.shape[::-1]) > 0.5
    return guess(np.asarray(inside_HW), outside_HW)
