"""Boxes that cover a picture."""

import math

import numpy as np

from wikiclip.segmenters.segmenter import Box

LONGEST = 3  # times as long as it is wide, a picture is covered by parts as small as its shorter side asks for


def scale(width: int, height: int) -> float:
    """Pixels that the sizes of parts are shares of: the shorter side, but of a very long picture more, or thousands of
    parts would cover it."""
    return max(min(width, height), max(width, height) / LONGEST)


def covering(width: int, height: int, side: float, *, step: float) -> list[Box]:
    """Squares that cover a picture, from its upper left corner to the lower right; narrower where the picture is.

    Args:
        step: from one to the next, at most, as a share of a square's side.
    """
    return [
        Box(left, top, right, bottom)
        for top, bottom in _stretches(side, height, step)
        for left, right in _stretches(side, width, step)
    ]


def _stretches(length: float, whole: int, step: float) -> list[tuple[int, int]]:
    length = min(max(1, round(length)), whole)
    count = 1 + math.ceil((whole - length) / (step * length))
    starts = np.linspace(0, whole - length, count).round().astype(int).tolist()
    return [(start, start + length) for start in dict.fromkeys(starts)]
