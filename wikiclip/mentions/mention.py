"""A masked region as the pixels a vision tower sees. Pillow and NumPy only: safe on any thread.

Axes: S view, C, H, W pixels of the square input, P patch.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask, bounds
from wikiclip.presets import MentionConfig

VIEWS_VERSION = 3  # counts up with each change to how a view is cut; what is kept of views is kept under it

DARKEST, LIGHTEST = 60, 200  # of the grey behind a picture with a transparent ground
GREY_SIDE = 256  # pixels that it is drawn in, before it takes the picture's size

Square = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the picture; may reach beyond it


@dataclass(frozen=True)
class View:
    """One square input: `pixels_CHW` uint8, and `inside_HW` in 0 to 1, the share of each pixel that the mask covers."""

    pixels_CHW: NDArray[np.uint8]
    inside_HW: NDArray[np.float32]


def masked_crop(
    image: Image.Image,
    mask: Mask,
    *,
    size: int,
    config: MentionConfig,
    mean: tuple[int, int, int],
    shrunk: int = 1,
) -> View:
    """The square around the mask's box with a margin; what the mask leaves out fades into the mean colour.

    A masked crop is the strongest cheap way to make a frozen encoder see a mask (MaskInversion, table 2). The mask is
    never eroded, which costs more than dilating it.

    Args:
        image: upright, RGB.
        mask: [H, W] of the picture's size, not empty.
        size: pixels along each side of the view.
        mean: the colour that the tower's normalisation maps to zero.
        shrunk: how many times smaller than the picture the image is along each side, rounded up.
    """
    box = around(mask, config)
    return _square(image, mask, box=box, size=size, background=config.background, mean=mean, shrunk=shrunk)


def cut_out(image: Image.Image, opaque: Mask, *, size: int, config: MentionConfig, mean: tuple[int, int, int]) -> View:
    """A record's picture whose transparent ground is a grey that grows lighter: `masked_crop` of it.

    A mention keeps a share of what is behind it, and a thing on nothing at all is unlike that: on the grey it is found
    more often by every kind of mask (docs/notebook/quality.md). It is laid on the grey before it is made smaller, or
    what the file has under its transparent pixels would show around the edges.
    """
    if not config.background:
        return masked_crop(image, opaque, size=size, config=config, mean=mean)
    laid = _grey().resize(image.size, Image.Resampling.BILINEAR)
    laid.paste(image, (0, 0), Image.fromarray(opaque.view(np.uint8) * np.uint8(255)))
    return masked_crop(laid, opaque, size=size, config=config, mean=mean)


def full_picture(image: Image.Image, mask: Mask, *, size: int, mean: tuple[int, int, int], shrunk: int = 1) -> View:
    """The whole picture, padded to a square with the mean colour; the mask only says what lies inside."""
    return _square(image, mask, box=padded(mask), size=size, background=1.0, mean=mean, shrunk=shrunk)


def under_another(full: View, mask: Mask, *, shrunk: int = 1) -> View:
    """What `full_picture` makes of the same picture under another mask; the pixels are the same array."""
    size = full.inside_HW.shape[0]
    return View(full.pixels_CHW, _inside(mask, _placed(mask, padded(mask), size), size, shrunk)[1])


def full_cover(mask: Mask, side: int) -> NDArray[np.float32]:
    """The share that a mask covers of each of a few cells of the square that `full_picture` shows, [side, side]."""
    placed = _placed(mask, padded(mask), side)
    covered = Image.fromarray(mask.view(np.uint8) * np.uint8(255)).resize(placed.shape, Image.Resampling.BOX)
    cover_HW = np.zeros((side, side), dtype=np.float32)
    cover_HW[placed.rows, placed.columns] = np.asarray(covered) / np.float32(255)
    return cover_HW


def around(mask: Mask, config: MentionConfig) -> Square:
    """The square that `masked_crop` shows."""
    left, top, right, bottom = bounds(mask)
    side = max(bottom - top, right - left) * (1 + 2 * config.margin)
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    return x, y, x + side, y + side


def padded(mask: Mask) -> Square:
    """The square that `full_picture` shows."""
    height, width = mask.shape
    side = max(height, width)
    x, y = (width - side) / 2, (height - side) / 2
    return x, y, x + side, y + side


@dataclass(frozen=True)
class _Placed:
    """What of a box lies in the picture, and where in the view: `part` in pixels of the picture."""

    part: Square
    scale: float
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height in the view."""
        return self.columns.stop - self.columns.start, self.rows.stop - self.rows.start


def _placed(mask: Mask, box: Square, size: int) -> _Placed:
    # In fractions of a pixel: rounded to whole ones, a mask of a few pixels would move and change its size in the view.
    height, width = mask.shape
    part = (max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]))
    scale = size / (box[2] - box[0])
    columns = slice(*_span(part[0] - box[0], part[2] - box[0], scale, size))
    rows = slice(*_span(part[1] - box[1], part[3] - box[1], scale, size))
    return _Placed(part, scale, rows, columns)


def _square(
    image: Image.Image,
    mask: Mask,
    *,
    box: Square,
    size: int,
    background: float,
    mean: tuple[int, int, int],
    shrunk: int,
) -> View:
    """Resizes the part of `box` that lies in the picture, and lays it on a square of the mean colour."""
    placed = _placed(mask, box, size)
    part = placed.part
    seen = (part[0] / shrunk, part[1] / shrunk, part[2] / shrunk, part[3] / shrunk)
    colours = image.resize(placed.shape, Image.Resampling.BICUBIC, box=seen, reducing_gap=3.0)
    inside_hw, inside_HW = _inside(mask, placed, size, shrunk)
    kept = Image.fromarray(np.rint(255 * background + (1 - background) * inside_hw).astype(np.uint8))
    view = Image.new("RGB", (size, size), mean)
    # Blends in integers and rounds to the nearest, a tenth of what floats take.
    view.paste(colours, (placed.columns.start, placed.rows.start), kept)
    return View(np.ascontiguousarray(np.asarray(view).transpose(2, 0, 1)), inside_HW)


def _inside(mask: Mask, placed: _Placed, size: int, shrunk: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The share that the mask covers of each pixel of the part, of 255, and of each of the view, of 1."""
    part, shape, scale = placed.part, placed.shape, placed.scale
    x, y = int(part[0]), int(part[1])
    near = mask[y : math.ceil(part[3]), x : math.ceil(part[2])]
    # Of a mask as large as a phone's photograph, two pixels along each side of one of the smaller picture's are enough.
    step = max(1, min(shrunk // 2, *near.shape))
    cover = Image.fromarray(near[step // 2 :: step, step // 2 :: step].view(np.uint8) * np.uint8(255))
    ends = min((part[2] - x) / step, cover.width), min((part[3] - y) / step, cover.height)
    cover = cover.resize(shape, Image.Resampling.BOX, box=((part[0] - x) / step, (part[1] - y) / step, *ends))
    inside_hw = np.array(cover)
    if not inside_hw.any() and near.any():  # a few pixels of millions round to nothing, and pooling needs somewhere
        rows, columns = near.nonzero()
        row, column = rows[len(rows) // 2] + 0.5 + y - part[1], columns[len(rows) // 2] + 0.5 + x - part[0]
        inside_hw[min(int(row * scale), shape[1] - 1), min(int(column * scale), shape[0] - 1)] = 1
    inside_HW = np.zeros((size, size), dtype=np.float32)
    inside_HW[placed.rows, placed.columns] = inside_hw / np.float32(255)
    return inside_hw, inside_HW


@lru_cache
def _grey() -> Image.Image:
    """RGB, darkest in its upper left corner and lightest in the lower right."""
    along = np.linspace(0, 0.5, GREY_SIDE)
    shade_HW = DARKEST + (LIGHTEST - DARKEST) * (along[:, None] + along)
    return Image.fromarray(np.rint(shade_HW).astype(np.uint8)).convert("RGB")


def _span(start: float, end: float, scale: float, size: int) -> tuple[int, int]:
    """Where a stretch of the box lies in the view, at least one pixel long."""
    first = min(round(start * scale), size - 1)
    return first, min(max(first + 1, round(end * scale)), size)
