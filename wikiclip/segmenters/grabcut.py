"""GrabCut (Rother et al., SIGGRAPH 2004) out of OpenCV, on a small copy of the picture.

It learns the colours of inside and outside from a first guess, cuts where they part and the picture has an edge, and
repeats. What it knows is colour: a thing of the colours of what is behind it is not told from it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.segmenters.canvas import Canvas
from wikiclip.segmenters.guesses import alike, guess, standing_out
from wikiclip.segmenters.segmenter import MOST_PROPOSED, Box, Point, Prompt, answering

SIDE = 320  # pixels of the small copy: the work grows faster than their number
ROUNDS = 4
BLUR = 0.8  # pixels; noise makes the outline ragged
# Shares of the shorter side.
GUESS = 0.15  # the disc about a point that is looked at first
SEED = 0.02  # the disc that surely is inside
RIM = 0.03  # what surely is outside
LEAST = 0.002  # of the picture: smaller proposals are specks

Labels = NDArray[np.uint8]


class GrabCut:
    """See the head of the file."""

    method, side = "grabcut", SIDE

    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        canvas = Canvas.of(image, side=SIDE, size=size)
        rgb_HWC = softened(canvas.rgb_HWC)
        if prompt is None:
            return [canvas.large(mask) for mask in _proposed(rgb_HWC)]
        if isinstance(prompt, Point):
            mask = _around(rgb_HWC, canvas.point(prompt))
        else:
            mask = _within(rgb_HWC, canvas.box(prompt))
        return [answering(canvas.large(mask), prompt)]


def _around(rgb_HWC: NDArray[np.uint8], at: Point) -> Mask:
    """What holds together about a point."""
    shorter = min(rgb_HWC.shape[:2])
    labels = np.full(rgb_HWC.shape[:2], cv2.GC_PR_BGD, dtype=np.uint8)
    labels[alike(rgb_HWC, at.x, at.y)] = cv2.GC_PR_FGD  # a plain thing may be larger than the disc
    cv2.circle(labels, (at.x, at.y), max(1, round(GUESS * shorter)), cv2.GC_PR_FGD, cv2.FILLED)
    labels[rim(labels.shape)] = cv2.GC_BGD
    cv2.circle(labels, (at.x, at.y), round(SEED * shorter), cv2.GC_FGD, cv2.FILLED)
    return piece_at(cut(rgb_HWC, labels), at)


def _within(rgb_HWC: NDArray[np.uint8], box: Box) -> Mask:
    """What stands out from all that lies outside of a box."""
    outside = np.ones(rgb_HWC.shape[:2], dtype=np.bool_)
    outside[box.top : box.bottom, box.left : box.right] = False
    return _apart(rgb_HWC, outside if outside.any() else rim(outside.shape))


def _proposed(rgb_HWC: NDArray[np.uint8]) -> list[Mask]:
    """The pieces of what stands out from the picture's rim, largest first."""
    return pieces(_apart(rgb_HWC, rim(rgb_HWC.shape[:2])))[:MOST_PROPOSED]


def _apart(rgb_HWC: NDArray[np.uint8], outside_HW: Mask) -> Mask:
    """What is not of the colours that surely are outside."""
    return cut(rgb_HWC, guess(standing_out(rgb_HWC, outside_HW), outside_HW))


def rim(shape: tuple[int, ...]) -> Mask:
    """[H, W], True along the four sides."""
    width = max(1, round(RIM * min(shape)))
    rim = np.ones(shape, dtype=np.bool_)
    rim[width:-width, width:-width] = False
    return rim


def softened(rgb_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture without its noise."""
    return np.asarray(cv2.GaussianBlur(rgb_HWC, (0, 0), BLUR), dtype=np.uint8)


def pieces(mask: Mask) -> list[Mask]:
    """What of a mask hangs together, the largest first, without specks."""
    count, pieces_HW, about, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    areas = about[:, cv2.CC_STAT_AREA]
    large = [piece for piece in range(1, count) if areas[piece] >= LEAST * mask.size]
    return [np.asarray(pieces_HW == piece) for piece in sorted(large, key=lambda piece: -areas[piece])]


def piece_at(mask: Mask, at: Point) -> Mask:
    """What of a mask hangs together with a point."""
    _, pieces_HW = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return np.asarray(pieces_HW == pieces_HW[at.y, at.x])


def cut(rgb_HWC: NDArray[np.uint8], labels: Labels, *, rounds: int = ROUNDS) -> Mask:
    """What is inside after all rounds; what is sure stays. All that may be inside, where nothing says what is not."""
    if (inside := _inside(labels)).all() or not inside.any():
        return inside
    cv2.setRNGSeed(0)  # of this thread: equal pictures get equal masks
    backdrop, thing = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rgb_HWC, labels, (0, 0, 0, 0), backdrop, thing, rounds, cv2.GC_INIT_WITH_MASK)
    return _inside(labels)


def _inside(labels: Labels) -> Mask:
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
