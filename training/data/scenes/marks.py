"""The masks that people make of a thing, out of its true one: by a click, a box, a brush, with a slip of the hand.

A mask that a person makes is seldom the true one. What a click or a box outlines is what the service's own segmenter
makes of it; the others are damages of the true mask, of the sizes that a hurried hand makes.
"""

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask, bounds
from wikiclip.segmenters.segmenter import Box, Point, Segmenter

MARKS_VERSION = 2  # counts up with each change to what a mark of the same seed looks like
Mark = Literal["true", "click", "box", "outlined box", "brush", "eroded", "holed", "whole picture"]
MARKS: tuple[Mark, ...] = get_args(Mark)

# Shares of the thing's size, which is the square root of its area.
SLIP = 0.05  # how far a box's sides are off, of the box's own width and height
STROKE = 0.08  # how far a brush goes beyond, and how far a timid one stays inside
HOLES, HOLE = (3, 6), (0.06, 0.16)  # how many spots are left out, and their radius

Generator = np.random.Generator


def mark(kind: Mark, scene: Image.Image, true: Mask, segmenter: Segmenter, rng: Generator) -> Mask:
    """Returns what a person who means the thing under a true mask marks, [H, W] with at least one pixel.

    Args:
        scene: RGB.
        true: [H, W] of the scene's size, not empty.
        segmenter: what outlines clicks and boxes.
    """
    match kind:
        case "true":
            return true
        case "whole picture":
            return np.ones_like(true)
        case "click":
            return segmenter.segment(scene, click(true, rng))[0]
        case "box":
            return _filled(box(true, rng), true.shape)
        case "outlined box":
            return segmenter.segment(scene, box(true, rng))[0]
        case _:
            damaged = DAMAGES[kind](true, rng)
            return damaged if damaged.any() else true


def click(true: Mask, rng: Generator) -> Point:
    """A pixel of the thing that is not near its rim: people aim at the middle of what they see."""
    depth_HW = cv2.distanceTransform(np.pad(true, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth_HW >= depth_HW.max() / 2)
    chosen = int(rng.integers(len(rows)))
    return Point(int(columns[chosen]), int(rows[chosen]))


def box(true: Mask, rng: Generator) -> Box:
    """A box around the thing, each of whose sides is off by a little."""
    left, top, right, bottom = bounds(true)
    slips = rng.uniform(-SLIP, SLIP, 4)
    height, width = true.shape
    left, right = (round(side + slip * (right - left)) for side, slip in zip((left, right), slips[:2], strict=True))
    top, bottom = (round(side + slip * (bottom - top)) for side, slip in zip((top, bottom), slips[2:], strict=True))
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return Box(left, top, min(max(right, left + 1), width), min(max(bottom, top + 1), height))


def brushed(true: Mask, rng: Generator) -> Mask:
    """Painted with a thick brush: beyond the outline, wavering, and a little aside."""
    stroke = _stroke(true)
    painted = cv2.dilate(true.astype(np.uint8), _disc(stroke)).astype(np.float32)
    wavering = cv2.GaussianBlur(rng.standard_normal(true.shape).astype(np.float32), (0, 0), stroke)
    soft = cv2.GaussianBlur(painted, (0, 0), stroke) + 0.15 * wavering / wavering.std()
    aside = rng.uniform(-stroke, stroke, 2)
    moved = np.array([[1, 0, aside[0]], [0, 1, aside[1]]], np.float32)
    return np.asarray(cv2.warpAffine((soft > 0.5).astype(np.uint8), moved, true.shape[::-1]) > 0)


def eroded(true: Mask, rng: Generator) -> Mask:
    """Painted by somebody who stays inside."""
    return np.asarray(cv2.erode(true.astype(np.uint8), _disc(_stroke(true))) > 0)


def holed(true: Mask, rng: Generator) -> Mask:
    """With spots that were missed."""
    size, missed = float(np.sqrt(true.sum())), np.zeros(true.shape, np.uint8)
    rows, columns = np.nonzero(true)
    for _ in range(int(rng.integers(HOLES[0], HOLES[1] + 1))):
        middle = int(rng.integers(len(rows)))
        radius = max(1, round(size * rng.uniform(*HOLE)))
        cv2.circle(missed, (int(columns[middle]), int(rows[middle])), radius, 1, cv2.FILLED)
    return np.asarray(true & (missed == 0))


DAMAGES: Mapping[Mark, Callable[[Mask, Generator], Mask]] = {"brush": brushed, "eroded": eroded, "holed": holed}


def _filled(at: Box, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    mask[at.top : at.bottom, at.left : at.right] = True
    return mask


def _stroke(true: Mask) -> int:
    return max(1, round(STROKE * float(np.sqrt(true.sum()))))


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
