"""Boxes that cover a picture, and how much two of them overlap."""

import math
from collections.abc import Sequence

import numpy as np

from wikiclip.segmenters.segmenter import Box

LONGEST = 4  # times as long as it is wide, a picture is covered by parts as small as its shorter side asks for


def scale(width: int, height: int) -> float:
    """Pixels that the sizes of parts are shares of: the shorter side, but of a very long picture more, or thousands of
    parts would cover it."""
    return max(min(width, height), max(width, height) / LONGEST)


def covering(width: int, height: int, wide: float, high: float, *, step: float) -> list[Box]:
    """Boxes of about a size that cover a picture, from its upper left corner to the lower right.

    Args:
        wide, high: their size, cut to that of the picture.
        step: from one box to the next, at most, as a share of its own side.
    """
    return [
        Box(left, top, right, bottom)
        for top, bottom in _stretches(high, height, step)
        for left, right in _stretches(wide, width, step)
    ]


def apart(boxes: Sequence[Box], *, most: float) -> list[Box]:
    """The boxes less those that overlap (IoU) one before them by more."""
    kept: list[Box] = []
    for box in boxes:
        if all(overlap(box, other) <= most for other in kept):
            kept.append(box)
    return kept


def overlap(one: Box, other: Box) -> float:
    """IoU."""
    wide = max(0, min(one.right, other.right) - max(one.left, other.left))
    high = max(0, min(one.bottom, other.bottom) - max(one.top, other.top))
    return wide * high / (area(one) + area(other) - wide * high)


def area(box: Box) -> int:
    """Pixels."""
    return (box.right - box.left) * (box.bottom - box.top)


def _stretches(length: float, whole: int, step: float) -> list[tuple[int, int]]:
    length = min(max(1, round(length)), whole)
    count = 1 + math.ceil((whole - length) / (step * length))
    starts = np.linspace(0, whole - length, count).round().astype(int).tolist()
    return [(start, start + length) for start in dict.fromkeys(starts)]
