"""What in a picture may be meant by who marks nothing: what stands out from its rim, and what a frame has in it.

Colours and a tower's cells tell apart different things from the ground, so each proposes for itself. A frame is
proposed with what it holds, and what it holds without it. What was tried beside it stands in
docs/notebook/outlines.md.

Axes: H, W pixels; h, w cells; N pixel of the rim, C colour.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from wikiclip.masks import Mask, bounds
from wikiclip.segmenters.cells import Cells
from wikiclip.segmenters.grabcut import cut, pieces, rim, softened
from wikiclip.segmenters.guesses import guess, palette, standing_out
from wikiclip.segmenters.segmenter import MOST_PROPOSED, told_apart

ROUNDS = 2  # of GrabCut from the cells and within a frame, which start near the end
ONE_SIDE = 0.9  # of the rim's pixels of a colour: where so many lie on one side, it is that side's
CUT_OFF = 0.25  # of the rim that such a colour covers at most, where it is a thing's that is cut off
GAP = 5  # pixels of the rim between colours of the ground that belong to it
BAR = 0.05  # of a rectangle's shorter side, that may be the bar of a frame
# Shares of a frame that may be what it holds; a rectangle's more is the rectangle.
HELD, ALL = 0.2, 0.95
HULL, BOX = 0.93, 0.7  # shares of its hull and of the least rectangle about it that a rectangle fills, seen aslant
FRAMES = 3  # that are looked into


def proposed(rgb_HWC: NDArray[np.uint8], cells: Cells) -> list[Mask]:
    """Proposals [H, W] that are told apart, the largest first, at most MOST_PROPOSED; some may lie in others."""
    soft_HWC = softened(rgb_HWC)
    ground_HW = ground(soft_HWC)
    by_cells = guess(_inside(cells, ground_HW), ground_HW)
    by_colours = guess(standing_out(soft_HWC, ground_HW), ground_HW)
    found = [*pieces(cut(soft_HWC, by_cells, rounds=ROUNDS)), *pieces(cut(soft_HWC, by_colours))]
    wholes = [filled(mask) for mask in found]
    held = [inner for mask, whole in zip(found, wholes, strict=True) for inner in _enclosed(mask, whole)]
    apart = told_apart([*wholes, *held], most=MOST_PROPOSED)
    framed = [inner for whole in apart[:FRAMES] if is_framing(whole) for inner in _held(soft_HWC, whole)]
    return sorted(told_apart([*apart, *framed], most=MOST_PROPOSED), key=lambda mask: -int(mask.sum()))


def ground(rgb_HWC: NDArray[np.uint8]) -> Mask:
    """The picture's rim less colours that one of its sides has alone, which are a thing's that is cut off, [H, W]."""
    rim_HW = rim(rgb_HWC.shape[:2])
    height, width = rim_HW.shape
    rows_N, columns_N = np.nonzero(rim_HW)
    seen_NC = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2LAB).astype(np.float32)[rim_HW]
    colour_N, _ = palette(seen_NC)
    side_N = np.argmin([rows_N, height - 1 - rows_N, columns_N, width - 1 - columns_N], axis=0)
    kept_HW = rim_HW.copy()
    for colour in np.unique(colour_N):
        of_it_N = colour_N == colour
        most = np.bincount(side_N[of_it_N], minlength=4).max()
        if most >= ONE_SIDE * of_it_N.sum() and of_it_N.mean() < CUT_OFF:
            kept_HW[rows_N[of_it_N], columns_N[of_it_N]] = False
    closed_HW = cv2.morphologyEx(kept_HW.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((GAP, GAP), np.uint8))
    kept_HW = rim_HW & closed_HW.astype(np.bool_)
    return kept_HW if kept_HW.sum() > rim_HW.sum() / 2 else rim_HW


def filled(mask: Mask) -> Mask:
    """A mask with its holes, [H, W]."""
    _, pieces_HW = cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)
    return np.asarray(pieces_HW[1:-1, 1:-1] != pieces_HW[0, 0])


def is_framing(mask: Mask) -> bool:
    """Whether a mask may be a frame seen aslant: it is about as convex and as full as that, as an ellipse is."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    _, (width, height), _ = cv2.minAreaRect(hull)
    area = float(mask.sum())
    return area > HULL * cv2.contourArea(hull) and area > BOX * width * height


def _inside(cells: Cells, ground_HW: Mask) -> Mask:
    """What the cells think is unlike the ground, [H, W]."""
    shape = cells.shape[::-1]
    shares_hw, rim_hw = (
        cv2.resize(each.astype(np.float32), shape, interpolation=cv2.INTER_AREA)
        for each in (ground_HW, rim(ground_HW.shape))
    )
    outside_hw = (shares_hw > rim_hw / 2) & (rim_hw > 0)
    outside_hw[1:-1, 1:-1] = False
    inside_hw = cells.within(outside_hw).astype(np.float32)
    return np.asarray(cv2.resize(inside_hw, ground_HW.shape[::-1]) > 0.5)


def _enclosed(mask: Mask, whole: Mask) -> list[Mask]:
    """What a ring has in it."""
    holes_HW = cv2.morphologyEx((whole & ~mask).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return [filled(hole) for hole in pieces(holes_HW.astype(np.bool_)) if hole.sum() > HELD * whole.sum()]


def _held(rgb_HWC: NDArray[np.uint8], whole: Mask) -> list[Mask]:
    """What stands out within a rectangle from the bar that may be about it; nothing where that is next to all."""
    left, top, right, bottom = bounds(whole)
    at = np.s_[top:bottom, left:right]
    depth_hw = cv2.distanceTransform(np.pad(whole[at], 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    outside_hw = depth_hw <= max(2.0, BAR * min(depth_hw.shape))
    bar_hw = outside_hw & (depth_hw > 1)  # the last pixel is half the ground's
    if not bar_hw.any():
        return []
    part_hwC = np.ascontiguousarray(rgb_HWC[at])
    inner_hw = filled(cut(part_hwC, guess(standing_out(part_hwC, bar_hw), outside_hw), rounds=ROUNDS))
    largest = pieces(inner_hw)[:1]
    if not largest or not HELD * whole.sum() < largest[0].sum() < ALL * whole.sum():
        return []
    inner_HW = np.zeros_like(whole)
    inner_HW[at] = largest[0]
    return [inner_HW]
