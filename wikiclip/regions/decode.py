"""A region, as a caller hands it over, -> a mask.

A region is parsed JSON in one of these forms, all in the frame of the upright picture:

    {"size": [height, width], "counts": "..." or [...]}    an RLE (see `wikiclip.regions.rle`)
    [RLE, ...]                                             the union of several
    {"polygon": [[x, y, x, y, ...], ...]}                  the union of several polygons
    {"box": [x, y, width, height]}
    {"png": "base64"}                                      see `decode_png_mask`
    null                                                   the whole picture

Coordinates are in pixels and may have fractions: the pixel in column i covers x from i to i + 1.

Axes: C corner of a polygon.
"""

import math
from collections.abc import Callable

import numpy as np
from pycocotools import mask as coco_mask

from wikiclip.base.base64_text import from_base64
from wikiclip.regions.mask import Mask, whole
from wikiclip.regions.png_mask import read_png_mask
from wikiclip.regions.region import RegionError
from wikiclip.regions.rle import MOST_RLES, decode_rles

MOST_POLYGONS = MOST_RLES
# pycocotools walks along every edge in steps of a fifth of a pixel, keeps each step in memory, and holds five times a
# coordinate in an int. So neither may the outline be longer nor a coordinate larger than this many pixels.
POLYGON_REACH = 1_000_000


def decode_region(region: object, *, height: int, width: int) -> Mask:
    """The mask [height, width] that a region names; at least one pixel of it is True.

    Args:
        region: parsed JSON, in one of the forms above.
        height, width: of the upright picture.

    Raises:
        RegionError: its `code` is one of `REGION_CODES`.
    """
    if region is None:
        return whole(height, width)
    if isinstance(region, list) and _finite_numbers(region):
        raise RegionError(
            "malformed-region",
            'A list of numbers is no region: a box is {"box": [x, y, width, height]}, a polygon'
            ' {"polygon": [[x, y, x, y, ...]]}.',
        )
    if isinstance(region, list):
        mask = decode_rles(region, height=height, width=width)
    elif isinstance(region, dict) and region.keys() == {"size", "counts"}:
        mask = decode_rles([region], height=height, width=width)
    else:
        decode_form, value = _form(region)
        mask = decode_form(value, height, width)
    return _not_empty(mask)


def decode_png_mask(data: bytes, *, height: int, width: int) -> Mask:
    """The mask [height, width] that a PNG shows, as `wikiclip.regions.png_mask` reads it; at least one pixel is True.

    Raises:
        RegionError: malformed-png, mask-size-mismatch or empty-mask.
    """
    return _not_empty(read_png_mask(data, height=height, width=width))


def _form(region: object) -> tuple[Callable[[object, int, int], Mask], object]:
    """The decoder for a region of one field, and what the field holds."""
    decoders = {"polygon": _decode_polygons, "box": _decode_box, "png": _decode_base64_png}
    if isinstance(region, dict):
        if len(region) == 1:
            [(name, value)] = region.items()
            if name in decoders:
                return decoders[name], value
        elif len(region.keys() & {*decoders, "counts"}) > 1:
            raise RegionError("malformed-region", "A region has one form: an RLE, a polygon, a box or a PNG.")
    raise RegionError(
        "malformed-region",
        'A region is {"size", "counts"}, {"polygon"}, {"box"} or {"png"} with no other fields, or a list of RLEs.',
    )


def _decode_base64_png(text: object, height: int, width: int) -> Mask:
    if not isinstance(text, str):
        raise RegionError("malformed-png", "The PNG of a mask is a string of base64.")
    try:
        data = from_base64(text)
    except ValueError:
        raise RegionError("malformed-png", "The PNG of a mask is base64, without a data: prefix.") from None
    return decode_png_mask(data, height=height, width=width)


def _decode_box(box: object, height: int, width: int) -> Mask:
    """True for the pixels with their centre in the box, which is clipped to the picture."""
    numbers = _finite_numbers(box)
    if numbers is None or len(numbers) != 4 or min(numbers[2:]) < 0:
        raise RegionError(
            "malformed-box", "A box is four finite numbers, [x, y, width, height], the last two not negative."
        )
    left, top, right, bottom = numbers[0], numbers[1], numbers[0] + numbers[2], numbers[1] + numbers[3]
    if 0 in numbers[2:]:
        raise RegionError("empty-mask", "The box has no area.")
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        raise RegionError(
            "outside-picture", f"The box lies outside the picture, which is {width} wide and {height} high."
        )
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[
        _first_centre(top, height) : _first_centre(bottom, height),
        _first_centre(left, width) : _first_centre(right, width),
    ] = True
    return mask


def _first_centre(edge: float, length: int) -> int:
    """The first pixel whose centre is not before `edge`, within 0 to `length`."""
    return math.ceil(min(max(edge - 0.5, 0), length))


def _decode_polygons(polygons: object, height: int, width: int) -> Mask:
    """COCO's rasterisation: the even-odd rule within each polygon, a union over them, clipped to the picture."""
    if not isinstance(polygons, list) or not polygons:
        raise RegionError(
            "malformed-polygon", "A polygon region is a list of one or more polygons, [[x, y, ...], ...]."
        )
    if _finite_numbers(polygons):
        raise RegionError(
            "malformed-polygon",
            "A polygon region is a list of polygons, each a flat list [x, y, x, y, ...]: put the one that is there into"
            " one more pair of brackets.",
        )
    if len(polygons) > MOST_POLYGONS:
        raise RegionError("region-too-complex", f"A region may hold at most {MOST_POLYGONS} polygons.")
    outlines: list[list[float]] = []
    outline_length = 0.0
    for polygon in polygons:
        numbers = _finite_numbers(polygon)
        if numbers is None or len(numbers) < 6 or len(numbers) % 2:
            raise RegionError("malformed-polygon", _shape_of_polygons(polygons))
        corners_C2 = np.array(numbers).reshape(-1, 2)
        if np.abs(corners_C2).max() <= POLYGON_REACH:
            # One pixel more for each edge, since a corner costs a step even where the next one is in the same place.
            edges_C = 1 + np.abs(corners_C2 - np.roll(corners_C2, 1, axis=0)).max(axis=1)
            outline_length += float(edges_C.sum())
        else:
            outline_length = math.inf
        if outline_length > POLYGON_REACH:
            raise RegionError(
                "region-too-complex", f"The outline of the polygons may be at most {POLYGON_REACH} pixels long in all."
            )
        outlines.append(numbers)
    # One by one, so that other threads run in between: pycocotools lets none run while it draws.
    rles = [rle for outline in outlines for rle in coco_mask.frPyObjects([outline], height, width)]
    parts = [{"size": [height, width], "counts": rle["counts"].decode("ascii")} for rle in rles]
    return decode_rles(parts, height=height, width=width)


def _shape_of_polygons(polygons: list[object]) -> str:
    """What to write instead, since a list of points is a likely mistake."""
    parts = [polygon for polygon in polygons if isinstance(polygon, list) and polygon]
    points = len(parts) > 1 and all(len(part) == 2 for part in parts)
    if points or any(isinstance(part[0], list | dict) for part in parts):
        return "A polygon is a flat list [x, y, x, y, ...] of three or more points, not a list of points."
    return "A polygon is three or more points, as a flat list of finite numbers, two for each point."


def _finite_numbers(values: object) -> list[float] | None:
    """The values as floats; None where they are no list, or one is no finite number."""
    if not isinstance(values, list) or not set(map(type, values)) <= {int, float}:
        return None
    try:
        numbers = list(map(float, values))
    except OverflowError:  # an integer past the largest float
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _not_empty(mask: Mask) -> Mask:
    if not mask.any():
        raise RegionError("empty-mask", "No pixel of the picture is inside the region.")
    return mask
