"""How much masks and boxes have in common."""

import numpy as np

from wikiclip.masks import Mask, bounds
from wikiclip.segmenters.segmenter import Box


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks [H, W]; 0 where both are empty."""
    union = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / union if union else 0.0


def covered(mask: Mask, box: Box) -> float:
    """The share of a mask's pixels that lie in a box."""
    total = int(np.count_nonzero(mask))
    return int(np.count_nonzero(mask[box.top : box.bottom, box.left : box.right])) / total if total else 0.0


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0, width) * max(0, height)
    return common / (area(one) + area(other) - common) if common else 0.0


def area(box: Box) -> int:
    """A box's pixels."""
    return (box.right - box.left) * (box.bottom - box.top)


def box_of(mask: Mask) -> Box:
    """The box around a mask that has a pixel."""
    return Box(*bounds(mask))
