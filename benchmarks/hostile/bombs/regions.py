"""Regions that are short to write and long to draw."""

import math
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.hostile.bodies import NOWHERE
from benchmarks.hostile.bombs.bomb import Throw, asking, of_picture
from benchmarks.hostile.case import Case
from benchmarks.hostile.pictures import BOMB_SIDE, saved
from service.settings import Settings
from wikiclip.masks import Rle, encode_rle

SIDE = 2000  # as many pixels as 64 masks of one picture may have, all but
REGIONS = Settings().max_regions
OUTLINE = 1_000_000  # pixels of one region's outlines, at most
POLYGONS = 1000  # of one region, at most
VALUES = 490_000  # of one body's JSON, all but


@cache
def _picture(side: int = SIDE) -> bytes:
    return saved(Image.new("L", (side, side), 90), "PNG")


def _zigzag(edges: int) -> list[float]:
    """An outline that goes to and fro, as long as one may be; each column of the picture crosses all of its edges."""
    wide = min(SIDE, 0.95 * OUTLINE / edges - 1)
    points = [(i % 2 * wide, round(SIDE * i / edges, 2)) for i in range(edges)]
    return [round(number) if number == round(number) else number for point in points for number in point]


def _glyph(number: int, points: int) -> list[float]:
    """The outline of a letter, more or less: curves of many points, in lines of forty."""
    x, y = 25 + 50 * (number % 40), 25 + 50 * (number // 40 % 40)
    angles = (2 * math.pi * i / points for i in range(points))
    return [
        round(place, 1)
        for angle in angles
        for place in (x + (15 + 8 * math.cos(9 * angle)) * math.cos(angle), y + 22 * math.sin(angle))
    ]


@cache
def _striped(columns: int, *, side: int = SIDE) -> Rle:
    """As many runs of one pixel each as so many columns have pixels."""
    mask = np.zeros((side, side), np.bool_)
    mask[::2, :columns] = True
    return encode_rle(mask)


def _regions(*regions: Any, side: int = SIDE) -> Case:
    """As many of the regions as may be asked about, and one outside behind them, so that nothing is encoded."""
    return of_picture(_picture(side), regions=[*regions[: REGIONS - 1], NOWHERE])


def _segment(side: int, **fields: Any) -> Case:
    noise = Image.effect_noise((side // 10, side // 10), 80).resize((side, side)).convert("RGB")
    return of_picture(saved(noise, "JPEG"), target="/segment", **fields)


CASES = {
    "63 whole pictures": lambda: _regions(*[None] * REGIONS),
    "64 whole pictures, encoded": lambda: of_picture(_picture(), regions=[None] * REGIONS),
    "63 zig-zag polygons, as long as may be": lambda: _regions(*[{"polygon": [_zigzag(470)]}] * REGIONS),
    "63 zig-zag polygons, as many points as may be": lambda: _regions(
        *[{"polygon": [_zigzag(VALUES // REGIONS // 2)]}] * REGIONS
    ),
    "one zig-zag polygon, as many points as may be": lambda: _regions({"polygon": [_zigzag(VALUES // 2 - 9)]}),
    "a font: 1,000 glyphs of 240 points": lambda: _regions({"polygon": [_glyph(n, 240) for n in range(POLYGONS)]}),
    "63 fonts of 1,000 triangles": lambda: _regions(
        *[{"polygon": [[n % 1000, 0, n % 1000 + 330, 5, n % 1000, 160] for n in range(POLYGONS)]}] * REGIONS
    ),
    "63 fonts of 1,000 triangles far outside": lambda: _regions(
        *[{"polygon": [[9000, 0, 9330, 5, 9000, 160] for n in range(POLYGONS)]}] * REGIONS
    ),
    "63 empty regions": lambda: _regions(*[[]] * REGIONS),
    "63 empty polygons": lambda: _regions(*[{"polygon": [[5, 5, 5, 5, 5, 5]]}] * REGIONS),
    "63 boxes": lambda: _regions(*[{"box": [0, 0, 9, 9]}] * REGIONS),
    "63 RLEs of 460,000 runs": lambda: _regions(*[_striped(230)] * REGIONS),
    "7 regions of 1,000 RLEs, 4 million runs each": lambda: _regions(*[[_striped(2)] * POLYGONS] * 7),
    "an RLE of 4 million runs": lambda: _regions(_striped(SIDE)),
    "an RLE of 490,000 listed runs": lambda: _regions(
        {"size": [SIDE, SIDE], "counts": [SIDE * SIDE - VALUES + 9, *[1] * (VALUES - 9)]}
    ),
    "4 RLEs of 49 megapixels, 4 million runs each": lambda: _regions(
        *[_striped(590, side=BOMB_SIDE)] * 4, side=BOMB_SIDE
    ),
    "outlines of 49 megapixels, of what stands out": lambda: _segment(BOMB_SIDE),
    "an outline of 49 megapixels, in a box": lambda: _segment(BOMB_SIDE, box=[9, 9, BOMB_SIDE - 20, BOMB_SIDE - 20]),
    "an outline of 49 megapixels, at a point": lambda: _segment(BOMB_SIDE, point=[3500, 3500]),
}
REGION_BOMBS: dict[str, Throw] = {name: asking(make) for name, make in CASES.items()}
