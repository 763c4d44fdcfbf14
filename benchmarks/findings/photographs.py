"""Photographs as visitors of a museum take them: composed, settled by a seed, with the true mask of the thing.

A flat thing hangs framed on a wall or lies on a table; another stands before a wall, on a table or in a place. They are
seen aslant, lit unevenly, blurred, and stored as JPEG; some are cut off or hidden, some have another thing beside them.

Axes: H, W pixels, C colour.
"""

import io
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.findings.objects import PLACES, Thing, picture_of
from training.data.scenes.places import cut_place
from wikiclip.masks import Mask

Trouble = Literal["alone", "beside", "cut", "hidden"]
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)

LONGER, SHORTER = 1280, 960  # pixels of a photograph
SIZES = 0.4, 0.8  # of a thing's longer side, as a share of the photograph's shorter
SLANT = 10.0, 35.0  # degrees of perspective
ROLL = 6.0, 25.0  # degrees: hung, lying
LOST = 0.2, 0.4  # of a thing that is cut off or hidden
DEPTH = 2.5  # how far off the camera is, in sides of the thing

Colours = NDArray[np.float32]
Alpha = NDArray[np.float32]


@dataclass(frozen=True)
class Photograph:
    """What was taken.

    Attributes:
        jpeg: the file.
        mask: [H, W], what is visible of the thing, its frame left out.
        ground: on or before what it is.
        framed: whether a frame is about it.
    """

    jpeg: bytes
    mask: Mask
    ground: str
    framed: bool


def photograph(thing: Thing, others: list[Thing], trouble: Trouble, seed: int) -> Photograph:
    """Takes one. `others` are what else may be in it."""
    rng = np.random.default_rng((seed, int(thing.thing_id[2:]), TROUBLES.index(trouble)))
    width, height = (LONGER, SHORTER) if rng.random() < 0.6 else (SHORTER, LONGER)
    ground = str(rng.choice(["wall", "table"] if thing.flat else ["wall", "table", "place"]))
    picture_HWC = _ground(ground, width, height, rng)
    framed = thing.flat and ground == "wall"
    mask = np.zeros((height, width), np.bool_)
    while mask.sum() < 0.01 * mask.size:  # too much was lost
        side = rng.uniform(*SIZES) * min(width, height)
        at = _middle(trouble, side, width, height, rng)
        laid_HWC = picture_HWC.copy()
        if trouble == "beside":
            beside = others[int(rng.integers(len(others)))]
            away = (at[0] + (1.1 if at[0] < width / 2 else -1.1) * side, at[1] + rng.uniform(-0.3, 0.3) * side)
            _lay(laid_HWC, beside, 0.8 * side, away, hung=ground == "wall", framed=beside.flat and framed, rng=rng)
        mask = _lay(laid_HWC, thing, side, at, hung=ground != "table", framed=framed, rng=rng)
        if trouble == "hidden" and mask.any():
            mask &= ~_hide(laid_HWC, mask, others, rng)
    return Photograph(_taken(laid_HWC, rng), mask, ground, framed)


def _middle(trouble: Trouble, side: float, width: int, height: int, rng: np.random.Generator) -> tuple[float, float]:
    """Where the thing's middle is: where it is whole, or where the photograph's edge takes a part of it."""
    if trouble != "cut":
        x, y = (length / 2 + rng.uniform(-0.5, 0.5) * max(0.0, length - side) * 0.7 for length in (width, height))
        return x, y
    lost = (0.5 - rng.uniform(*LOST)) * side
    x, y = rng.uniform(0.35, 0.65) * width, rng.uniform(0.35, 0.65) * height
    return [(lost, y), (width - lost, y), (x, lost), (x, height - lost)][int(rng.integers(4))]


def _lay(
    picture_HWC: Colours,
    thing: Thing,
    side: float,
    at: tuple[float, float],
    *,
    hung: bool,
    framed: bool,
    rng: np.random.Generator,
) -> Mask:
    """Draws a thing with its shadow into the picture, and returns the mask of it without its frame."""
    rgba_hwC = np.asarray(picture_of(thing).convert("RGBA"), np.float32)
    if not thing.flat:
        rgba_hwC[..., :3] *= rng.uniform(0.8, 1.1)
    bare_hw = rgba_hwC[..., 3] / np.float32(255)
    if framed:
        rgba_hwC, bare_hw = _framed(rgba_hwC, rng)
    slanted = thing.flat or rng.random() < 0.3
    warp = _warp(rgba_hwC.shape[:2], side, at, slanted=slanted, roll=ROLL[0 if hung else 1], rng=rng)
    size = picture_HWC.shape[1::-1]
    # Colours are carried outwards by the border, so that an edge shows them and no black.
    colours_HWC = cv2.warpPerspective(
        rgba_hwC[..., :3], warp, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    alpha_HW = cv2.warpPerspective(rgba_hwC[..., 3] / np.float32(255), warp, size)
    bare_HW = cv2.warpPerspective(bare_hw, warp, size)
    fall = rng.uniform(0.01, 0.04) * side
    shadow_HW = cv2.warpAffine(alpha_HW, np.array([[1, 0, fall], [0, 1, fall]], np.float32), size)
    shadow_HW = cv2.GaussianBlur(shadow_HW, (0, 0), max(1.0, fall))
    picture_HWC *= 1 - rng.uniform(0.2, 0.5) * shadow_HW[..., None]
    picture_HWC += alpha_HW[..., None] * (colours_HWC - picture_HWC)
    return np.asarray(bare_HW > 0.5)


def _framed(rgba_hwC: Colours, rng: np.random.Generator) -> tuple[Colours, Alpha]:
    """A frame about a picture, with a mount in it or without; and where the picture is in both."""
    longer = max(rgba_hwC.shape[:2])
    mount, bar = round(longer * float(rng.choice([0, 0.06, 0.12]))), round(longer * rng.uniform(0.03, 0.12))
    wood = np.array([(70, 45, 25), (190, 150, 70), (30, 30, 30), (225, 222, 215), (120, 80, 50)])[rng.integers(5)]
    inside = np.pad(rgba_hwC[..., :3], ((mount, mount), (mount, mount), (0, 0)), constant_values=rng.uniform(215, 250))
    height, width = (side + 2 * bar for side in inside.shape[:2])
    rows, columns = np.mgrid[:height, :width]
    depth_HW = np.minimum(np.minimum(rows, height - 1 - rows), np.minimum(columns, width - 1 - columns))
    bevel_HW = 1 + 0.25 * np.sin(np.pi * np.clip(depth_HW / max(1, bar), 0, 1) * rng.integers(1, 4))
    frame_HWC = (wood * bevel_HW[..., None]).astype(np.float32)
    frame_HWC[bar : height - bar, bar : width - bar] = inside
    bare_HW = np.zeros((height, width), np.float32)
    edge = bar + mount
    bare_HW[edge : height - edge, edge : width - edge] = 1
    return np.dstack([frame_HWC, np.full((height, width), 255, np.float32)]), bare_HW


def _warp(
    shape: tuple[int, ...],
    side: float,
    at: tuple[float, float],
    *,
    slanted: bool,
    roll: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """From a thing's pixels to the photograph's: turned in the picture, and about one of its own axes."""
    height, width = shape
    corners = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / (2 * max(shape))
    slant = np.radians(rng.uniform(*SLANT)) * rng.choice([-1, 1]) if slanted else 0.0
    axis, turned = int(rng.integers(2)), np.radians(rng.uniform(-roll, roll))
    flat = corners.copy()
    flat[:, axis] *= np.cos(slant)
    flat *= DEPTH / (DEPTH + corners[:, axis : axis + 1] * np.sin(slant))
    cosine, sine = np.cos(turned), np.sin(turned)
    seen = flat @ np.array([(cosine, sine), (-sine, cosine)]) * side + at
    pixels = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    warp = cv2.getPerspectiveTransform(pixels.astype(np.float32), seen.astype(np.float32))
    return np.asarray(warp, np.float64)


def _hide(picture_HWC: Colours, mask: Mask, others: list[Thing], rng: np.random.Generator) -> Mask:
    """Lays something else over a fifth to two fifths of what is visible of a thing, and returns where."""
    rows, columns = np.nonzero(mask)
    standing = [other for other in others if not other.flat]
    side = float(np.sqrt(mask.sum()))
    for _ in range(40):
        chosen = int(rng.integers(len(rows)))
        other = standing[int(rng.integers(len(standing)))]
        tried_HWC, at = picture_HWC.copy(), (float(columns[chosen]), float(rows[chosen]))
        over = _lay(tried_HWC, other, side * rng.uniform(0.6, 1.1), at, hung=True, framed=False, rng=rng)
        if LOST[0] <= (over & mask).sum() / mask.sum() <= LOST[1]:
            picture_HWC[:] = tried_HWC
            return over
    return mask  # all of it: another try is made


def _ground(ground: str, width: int, height: int, rng: np.random.Generator) -> Colours:
    if ground == "place":
        return np.asarray(cut_place(PLACES, rng, width, height), np.float32).copy()
    if ground == "wall":
        colour = rng.uniform(110, 235) + rng.uniform(-18, 18, 3)
        picture_HWC = np.ones((height, width, 3), np.float32) * colour.astype(np.float32)
        if rng.random() < 0.3:  # papered
            stripe = rng.integers(30, 90)
            picture_HWC[:, (np.arange(width) // stripe) % 2 == 0] *= rng.uniform(0.86, 0.96)
        return picture_HWC + _clouds(width, height, (6, 8), 5, rng)[..., None]
    light = rng.uniform(0.5, 1.0) * np.array([215, 165, 115]) + rng.uniform(-15, 15, 3)
    dark = rng.uniform(0.5, 0.85) * light
    grain_HW = _clouds(width, height, (90, 3), 1, rng) + 0.5 * _clouds(width, height, (300, 6), 1, rng)
    share_HW1 = np.clip(0.5 + 0.3 * grain_HW, 0, 1)[..., None]
    return np.asarray(dark + share_HW1 * (light - dark), np.float32)


def _clouds(width: int, height: int, cells: tuple[int, int], strength: float, rng: np.random.Generator) -> Colours:
    """Smooth noise [H, W] of so many cells down and across."""
    coarse = rng.standard_normal(cells).astype(np.float32) * np.float32(strength)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _taken(picture_HWC: Colours, rng: np.random.Generator) -> bytes:
    """The light of a room, a hand that is not still, a sensor, and a file."""
    height, width = picture_HWC.shape[:2]
    light_HW = np.clip(1 + _clouds(width, height, (3, 3), 0.12, rng), 0.55, 1.3) * rng.uniform(0.75, 1.1)
    picture_HWC = picture_HWC * light_HW[..., None] * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    blurred_HWC = cv2.GaussianBlur(picture_HWC.astype(np.float32), (0, 0), rng.uniform(0.8, 3.5))
    picture_HWC = np.asarray(blurred_HWC, np.float32)
    picture_HWC += rng.uniform(2, 7) * rng.standard_normal(picture_HWC.shape).astype(np.float32)
    file = io.BytesIO()
    Image.fromarray(np.clip(picture_HWC, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=int(rng.integers(55, 90)))
    return file.getvalue()
