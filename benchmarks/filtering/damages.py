"""A grid of damages to true masks: what segmenters get wrong, each at several strengths.

The grid was settled before any constant of a filter was chosen, so that no filter is made for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from training.annotate.overlap import box_of
from wikiclip.masks import Mask
from wikiclip.segmenters.segmenter import Box

Generator = np.random.Generator


@dataclass(frozen=True, kw_only=True, slots=True)
class Damaged:
    """A mask that is wrong in one way, and the box that a segmenter in two steps would have drawn it in."""

    mask: Mask
    box: Box


# A true mask [H, W], the masks of the other things in the picture, how strongly; None where the picture allows none.
Damage = Callable[[Mask, Sequence[Mask], float, Generator], Mask | None]


def damaged(name: str, strength: float, truth: Mask, others: Sequence[Mask], rng: Generator) -> Damaged | None:
    """Returns the true mask with a damage of the grid; None where the picture allows none or nothing would be left.

    Args:
        others: masks of the other things in the picture, of the same size; each has a pixel.
        strength: one of the grid's for that name.
    """
    damage, _ = GRID[name]
    mask = damage(truth, others, strength, rng)
    if mask is None or not mask.any():
        return None
    # What lies between things was drawn in a box around them, and what lies about a thing in the whole picture.
    box = Box(0, 0, truth.shape[1], truth.shape[0]) if name == "inverted" else box_of(mask)
    return Damaged(mask=mask, box=box)


def _none(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """Nothing but an outline that is off by some pixels."""
    return _grown(truth, round(strength))


def _inverted(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """All but the thing; below 1 only a part of that: the whole rows of a share of the picture."""
    inverse = ~truth
    inverse[round(strength * truth.shape[0]) :] = False
    return inverse


def _between(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask | None:
    """What lies between the thing and others in the box around them."""
    several = _several(truth, others, strength, rng)
    if several is None:
        return None
    box, between = box_of(several), np.zeros_like(truth)
    between[box.top : box.bottom, box.left : box.right] = True
    return between & ~several


def _several(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask | None:
    """The thing and as many others, of which the nearest come first."""
    if len(others) < strength:
        return None
    around = _middle(truth)
    nearest = sorted(others, key=lambda other: float(np.hypot(*(_middle(other) - around))))
    together: Mask = np.logical_or.reduce([truth, *nearest[: round(strength)]])
    return together


def _part(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """A share of the thing, on one side of a line through it."""
    rows, columns = np.nonzero(truth)
    angle = rng.uniform(0, 2 * np.pi)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    kept = along <= np.quantile(along, strength)
    part = np.zeros_like(truth)
    part[rows[kept], columns[kept]] = True
    return part


def _over_neighbour(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask | None:
    """The thing, and a share of its nearest neighbour, the nearer side of it, with what lies between."""
    if not others:
        return None
    around = _middle(truth)
    neighbour = min(others, key=lambda other: float(np.hypot(*(_middle(other) - around))))
    rows, columns = np.nonzero(neighbour)
    away = np.hypot(rows - around[0], columns - around[1])
    near = away <= np.quantile(away, strength)
    taken = truth.astype(np.uint8)
    taken[rows[near], columns[near]] = 1
    reach = max(3, round(0.05 * min(truth.shape)))
    return cv2.morphologyEx(taken, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)).astype(np.bool_)


def _swollen(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """Grown on all sides by a share of its own size."""
    return _grown(truth, max(1, round(strength * float(np.sqrt(truth.sum())))))


def _speckled(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """Turned in blocks of some pixels, by chance, over the whole picture."""
    height, width = truth.shape
    side = max(2, round(0.02 * min(height, width)))
    blocks = rng.random((-(-height // side), -(-width // side))) < strength
    turned = np.kron(blocks, np.ones((side, side), np.bool_))[:height, :width]
    speckled: Mask = truth ^ turned
    return speckled


def _wrong_thing(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask | None:
    """Another thing, and of the right one what is left at a lower strength."""
    if not others:
        return None
    other = others[int(rng.integers(len(others)))]
    return other | _part(truth, others, 1 - strength, rng) if strength < 1 else other.copy()


def _shifted(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """Moved by a share of its own height and width; what leaves the picture is lost."""
    box, angle = box_of(truth), rng.uniform(0, 2 * np.pi)
    down = round(strength * (box.bottom - box.top) * float(np.sin(angle)))
    right = round(strength * (box.right - box.left) * float(np.cos(angle)))
    moved = cv2.warpAffine(
        truth.astype(np.uint8),
        np.array([[1, 0, right], [0, 1, down]], np.float32),
        truth.shape[::-1],
        flags=cv2.INTER_NEAREST,
    )
    return moved.astype(np.bool_)


def _holed(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """Without a share of it, about a point that lies deep within."""
    depth = cv2.distanceTransform(np.pad(truth, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    middle = np.unravel_index(int(depth.argmax()), depth.shape)
    rows, columns = np.nonzero(truth)
    away = np.hypot(rows - middle[0], columns - middle[1])
    left = away > np.quantile(away, strength)
    holed = np.zeros_like(truth)
    holed[rows[left], columns[left]] = True
    return holed


def _whole_picture(truth: Mask, others: Sequence[Mask], strength: float, rng: Generator) -> Mask:
    """All of the picture, or a share of it about the middle that has its shape."""
    height, width = truth.shape
    top, left = (round((1 - strength**0.5) * side / 2) for side in (height, width))
    framed = np.zeros_like(truth)
    framed[top : height - top, left : width - left] = True
    return framed


# Name -> the damage, and its strengths from weak to strong.
GRID: Mapping[str, tuple[Damage, tuple[float, ...]]] = MappingProxyType(
    {
        "none": (_none, (0, 1, 2)),
        "inverted": (_inverted, (0.5, 1.0)),
        "between": (_between, (1, 2, 3)),
        "several": (_several, (1, 2, 3)),
        "part": (_part, (0.6, 0.4, 0.2)),
        "over neighbour": (_over_neighbour, (0.3, 0.6, 1.0)),
        "swollen": (_swollen, (0.1, 0.2, 0.4)),
        "speckled": (_speckled, (0.05, 0.15, 0.3)),
        "wrong thing": (_wrong_thing, (0.7, 1.0)),
        "shifted": (_shifted, (0.15, 0.3, 0.6)),
        "hole": (_holed, (0.2, 0.4, 0.6)),
        "whole picture": (_whole_picture, (0.5, 1.0)),
    }
)


def _grown(mask: Mask, pixels: int) -> Mask:
    if not pixels:
        return mask.copy()
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(np.bool_)


def _middle(mask: Mask) -> NDArray[np.float64]:
    """Row and column of the middle of a mask that has a pixel."""
    return np.array([places.mean() for places in np.nonzero(mask)])
