"""The seam between a click and the many ways to find the outline of what was clicked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from wikiclip.masks import Mask

MOST_PROPOSED = 12
MOST_OF_A_POINT = 3  # a part, the thing, and what it belongs to
SAME = 0.9  # masks that overlap (IoU) by more are one to who looks at them


@dataclass(frozen=True, slots=True)
class Point:
    """A pixel of the picture that lies on the thing: column and row."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of the picture around the thing: columns `left` to `right`, rows `top` to `bottom`, the ends left out."""

    left: int
    top: int
    right: int
    bottom: int


Prompt = Point | Box | None


class Segmenter(Protocol):
    """Finds things in a picture. Safe on any thread."""

    @property
    def method(self) -> str: ...  # what an answer calls it

    @property
    def side(self) -> int: ...  # pixels of the longer side of what it looks at; more are of no use to it

    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        """Masks [H, W] of the picture's size, each with at least one pixel.

        Args:
            image: upright, RGB; the picture, or a smaller copy of it.
            size: the picture's width and height; the image's if None.
            prompt: a point of the picture gives the masks that may be meant, the likeliest first, at most
                MOST_OF_A_POINT; a box gives exactly one. Without both the masks are proposals, the largest first, at
                most MOST_PROPOSED, none where nothing stands out; a smaller one may lie in a larger one.
        """


def answering(mask: Mask, prompt: Point | Box) -> Mask:
    """The mask made one of what was asked for: the point lies in it, or it lies in the box and is not empty."""
    if isinstance(prompt, Point):
        mask = mask.copy()
        mask[prompt.y, prompt.x] = True
        return mask
    box = np.zeros_like(mask)
    box[prompt.top : prompt.bottom, prompt.left : prompt.right] = True
    inside = mask & box
    return inside if inside.any() else box


def told_apart(masks: Sequence[Mask], *, most: int = MOST_OF_A_POINT) -> list[Mask]:
    """The masks less those that are nearly the same as one before them, at most `most`."""
    kept: list[Mask] = []
    for mask in masks:
        if all((mask & other).sum() <= SAME * (mask | other).sum() for other in kept):
            kept.append(mask)
    return kept[:most]
