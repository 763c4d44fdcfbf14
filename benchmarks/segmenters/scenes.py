"""Things on photographs, with edges as cameras make them and not only as scissors do.

A thing that is pasted has sharper edges than a real one, and often colours that nothing about it has. So each way of
softening a scene takes one of these marks of pasting away: a segmenter that lives on them shows it there.

Axes: H, W pixels, C colour.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask, bounds
from wikiclip.segmenters import Box, Point

Softening = Literal["plain", "feathered", "matched", "faint", "jpeg", "noisy"]
SOFTENINGS: tuple[Softening, ...] = get_args(Softening)

WIDTH, HEIGHT = 640, 480
SIZES = 0.35, 0.85  # of a stamp's longer side, as a share of the height
DISTRACTORS = 2  # other stamps at most
LEAST = 200  # pixels of a thing that is asked for
FEATHER = 3.0  # pixels
MATCHED = 0.7  # how far a thing's mean colour is moved to that of what is about it
FAINT = 0.5  # how much of a thing's contrast with the place is left
QUALITY = 60  # of the JPEG
NOISE = 12.0  # levels
SLIP = 0.05  # how far a box's sides are off, as a share of its own

Colours = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture, the true mask of a thing in it, and a click and a box that mean it."""

    picture: Image.Image
    mask: Mask
    point: Point
    box: Box


def scenes(
    stamps: Sequence[Path], places: Sequence[Path], softening: Softening, count: int, *, seed: int
) -> Iterator[Asked]:
    """Scenes of chance, the same for the same seed. A stamp is a PNG with transparency, a place a photograph."""
    for number in range(count):
        rng = np.random.default_rng((seed, SOFTENINGS.index(softening), number))
        found = None
        while found is None:  # a stamp may be all but transparent
            found = _composed(stamps, places, softening, rng)
        picture_HWC, mask = found
        yield Asked(_finished(picture_HWC, softening, rng), mask, _click(mask, rng), _box(mask, rng))


def _composed(
    stamps: Sequence[Path], places: Sequence[Path], softening: Softening, rng: np.random.Generator
) -> tuple[Colours, Mask] | None:
    picture_HWC = _place(places[int(rng.integers(len(places)))], rng)
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    for _ in range(int(rng.integers(DISTRACTORS + 1)) + 1):  # the last one lies above all and is asked for
        colours_HWC, alpha_HW = _laid(stamps[int(rng.integers(len(stamps)))], rng)
        mask = alpha_HW >= 0.5
        if mask.sum() < LEAST:
            return None
        if softening == "matched":
            ring = cv2.dilate(mask.astype(np.uint8), np.ones((41, 41), np.uint8)).astype(np.bool_) & ~mask
            if ring.any():
                colours_HWC += MATCHED * (picture_HWC[ring].mean(axis=0) - colours_HWC[mask].mean(axis=0))
        elif softening == "faint":
            colours_HWC = FAINT * colours_HWC + (1 - FAINT) * picture_HWC.mean(axis=(0, 1))
        elif softening == "feathered":
            colours_HWC = _spread(colours_HWC, mask)
            alpha_HW = cv2.GaussianBlur(alpha_HW, (0, 0), FEATHER).astype(np.float32)
        alpha_HW1 = alpha_HW[..., None]
        picture_HWC = picture_HWC * (1 - alpha_HW1) + np.clip(colours_HWC, 0, 255) * alpha_HW1
    return picture_HWC, mask


def _place(photograph: Path, rng: np.random.Generator) -> Colours:
    """A random part of a photograph, half of it at least."""
    with Image.open(photograph) as file:
        file.draft("RGB", (2 * WIDTH, 2 * HEIGHT))
        place = file.convert("RGB")
    scale = rng.uniform(0.5, 1.0) * min(place.width / WIDTH, place.height / HEIGHT)
    left, top = rng.uniform(0, place.width - scale * WIDTH), rng.uniform(0, place.height - scale * HEIGHT)
    part = (left, top, left + scale * WIDTH, top + scale * HEIGHT)
    return np.asarray(place.resize((WIDTH, HEIGHT), box=part, reducing_gap=3.0), dtype=np.float32)


def _laid(path: Path, rng: np.random.Generator) -> tuple[Colours, NDArray[np.float32]]:
    """A stamp turned and sized by chance, somewhere in the frame: its colours [H, W, C] and its alpha [H, W]."""
    with Image.open(path) as file:
        stamp = file.convert("RGBA")
    stamp = stamp.rotate(rng.uniform(-25, 25), Image.Resampling.BICUBIC, expand=True)
    stamp = stamp.crop(stamp.getchannel("A").getbbox() or (0, 0, 1, 1))
    scale = rng.uniform(*SIZES) * HEIGHT / max(stamp.size)
    scale = min(scale, 0.9 * WIDTH / stamp.width, 0.9 * HEIGHT / stamp.height)
    stamp = stamp.resize((max(1, round(stamp.width * scale)), max(1, round(stamp.height * scale))))
    frame = Image.new("RGBA", (WIDTH, HEIGHT))
    left, top = rng.integers(WIDTH - stamp.width + 1), rng.integers(HEIGHT - stamp.height + 1)
    frame.paste(stamp, (int(left), int(top)))
    rgba_HWC = np.asarray(frame, dtype=np.float32)
    return rgba_HWC[..., :3].copy(), rgba_HWC[..., 3] / np.float32(255)


def _spread(colours_HWC: Colours, mask: Mask) -> Colours:
    """The colours of a thing's rim carried outwards, so that a blurred alpha shows them and no black."""
    inside_HW1 = mask[..., None].astype(np.float32)
    about_HWC = cv2.GaussianBlur(colours_HWC * inside_HW1, (0, 0), FEATHER)
    share_HW = cv2.GaussianBlur(inside_HW1, (0, 0), FEATHER)
    carried_HWC = about_HWC / np.maximum(share_HW[..., None], 1e-3)
    return np.where(inside_HW1 > 0, colours_HWC, carried_HWC).astype(np.float32)


def _finished(picture_HWC: Colours, softening: Softening, rng: np.random.Generator) -> Image.Image:
    if softening == "noisy":
        picture_HWC = picture_HWC + NOISE * rng.standard_normal(picture_HWC.shape).astype(np.float32)
    picture = Image.fromarray(np.clip(picture_HWC, 0, 255).astype(np.uint8))
    if softening != "jpeg":
        return picture
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return Image.open(file).convert("RGB")


def _click(mask: Mask, rng: np.random.Generator) -> Point:
    """A pixel that is not near the rim."""
    depth_HW = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth_HW >= depth_HW.max() / 2)
    chosen = rng.integers(len(rows))
    return Point(int(columns[chosen]), int(rows[chosen]))


def _box(mask: Mask, rng: np.random.Generator) -> Box:
    """Around the thing, each side off by a little."""
    left, top, right, bottom = bounds(mask)
    slips = SLIP * rng.uniform(-1, 1, 4) * [right - left, bottom - top, right - left, bottom - top]
    left, top, right, bottom = (
        round(side + slip) for side, slip in zip((left, top, right, bottom), slips, strict=True)
    )
    left, top = max(0, left), max(0, top)
    return Box(left, top, min(WIDTH, max(left + 1, right)), min(HEIGHT, max(top + 1, bottom)))
