"""The forms of a region against what they mean, pixel by pixel."""

import base64
import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask

from tests.wikiclip.picture_files.made import png, saved
from wikiclip.masks import Mask, whole
from wikiclip.regions.decode import MOST_POLYGONS, POLYGON_REACH, decode_png_mask, decode_region
from wikiclip.regions.region import REGION_CODES, RegionError
from wikiclip.regions.rle import encode_rle

HEIGHT, WIDTH = 6, 9


def outcome(region: object, height: int = HEIGHT, width: int = WIDTH) -> Mask | RegionError:
    try:
        return decode_region(region, height=height, width=width)
    except RegionError as error:
        return error


def code_of(region: object, height: int = HEIGHT, width: int = WIDTH) -> str | None:
    """The code a region is refused with, None where it is taken."""
    result = outcome(region, height, width)
    return result.code if isinstance(result, RegionError) else None


def test_no_region_is_the_whole_picture() -> None:
    assert np.array_equal(decode_region(None, height=2, width=3), np.ones((2, 3), np.bool_))
    assert whole(2, 3).shape == (2, 3)


# Boxes

edges = st.one_of(st.integers(-4, 12), st.floats(-4, 12), st.sampled_from([0.5, 1.5, -1e300, 1e300, 10**30]))
sides = st.one_of(st.integers(0, 14), st.floats(0, 14), st.sampled_from([1e-300, 0.5, 1e300, 10**30]))


@given(edges, edges, sides, sides)
def test_a_box_holds_the_pixels_whose_centre_it_holds(x: float, y: float, box_width: float, box_height: float) -> None:
    truth = np.array(
        [
            [x <= j + 0.5 < x + box_width and y <= i + 0.5 < y + box_height for j in range(WIDTH)]
            for i in range(HEIGHT)
        ]
    )  # fmt: skip
    region = {"box": [x, y, box_width, box_height]}
    if truth.any():
        mask = decode_region(region, height=HEIGHT, width=WIDTH)
        assert mask.dtype == np.bool_
        assert np.array_equal(mask, truth)
    else:
        assert code_of(region) in ("empty-mask", "outside-picture")


@given(st.integers(0, 8), st.integers(0, 5), st.integers(1, 9), st.integers(1, 6))
def test_a_box_inside_the_picture_is_what_pycocotools_makes_of_it(
    x: int, y: int, box_width: int, box_height: int
) -> None:
    box = [x, y, min(box_width, WIDTH - x), min(box_height, HEIGHT - y)]
    [rle] = coco_mask.frPyObjects(np.array([box], np.float64), HEIGHT, WIDTH)
    assert np.array_equal(decode_region({"box": box}, height=HEIGHT, width=WIDTH), coco_mask.decode(rle))


@pytest.mark.parametrize(
    ("box", "code"),
    [
        ([9, 0, 1, 1], "outside-picture"),
        ([0, 6, 1, 1], "outside-picture"),
        ([-2, 0, 2, 1], "outside-picture"),
        ([0, -2.5, 1, 2.5], "outside-picture"),
        ([-1e308, 0, 1, 1], "outside-picture"),
        ([1, 1, 0, 2], "empty-mask"),
        ([1, 1, 2, 0.0], "empty-mask"),
        ([1, 1, 0.25, 0.25], "empty-mask"),
        ([1, 1, -2, 2], "malformed-box"),
        ([1, 1, 2], "malformed-box"),
        ([1, 1, 2, 2, 2], "malformed-box"),
        ([1, 1, 2, float("nan")], "malformed-box"),
        ([float("nan"), 1, 2, 2], "malformed-box"),
        ([1, 1, float("inf"), 2], "malformed-box"),
        ([float("-inf"), 1, float("inf"), 2], "malformed-box"),
        ([1, 1, 10**400, 2], "malformed-box"),
        ([True, 1, 2, 2], "malformed-box"),
        (["1", 1, 2, 2], "malformed-box"),
        ([None, 1, 2, 2], "malformed-box"),
        ({"x": 1}, "malformed-box"),
        ("1122", "malformed-box"),
        (None, "malformed-box"),
        ([], "malformed-box"),
    ],
)
def test_faulty_boxes(box: object, code: str) -> None:
    assert code_of({"box": box}) == code


# Polygons

corner = st.tuples(st.floats(-10, 40), st.floats(-10, 30))


def even_odd(points: list[tuple[float, float]], height: int, width: int) -> Mask:
    """Pixels whose centre lies inside by the even-odd rule, one ray after another."""
    inside = np.zeros((height, width), np.bool_)
    for i in range(height):
        for j in range(width):
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
                if (y0 > i + 0.5) != (y1 > i + 0.5) and j + 0.5 < x0 + (x1 - x0) * (i + 0.5 - y0) / (y1 - y0):
                    inside[i, j] = not inside[i, j]
    return inside


def near_an_edge(points: list[tuple[float, float]], height: int, width: int) -> Mask:
    """Pixels whose centre is less than one pixel from an edge, where rasterisers may differ."""
    centres = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    near = np.zeros((height, width), np.bool_)
    for start, end in zip(np.array(points), np.array(points[1:] + points[:1]), strict=True):
        edge = end - start
        along = np.clip(((centres - start) @ edge) / max(float(edge @ edge), 1e-12), 0, 1)
        near |= np.linalg.norm(centres - start - along[..., None] * edge, axis=-1) < 1
    return near


@given(st.lists(corner, min_size=3, max_size=7))
def test_a_polygon_holds_its_inside_by_the_even_odd_rule(points: list[tuple[float, float]]) -> None:
    height, width = 20, 30
    truth, unsure = even_odd(points, height, width), near_an_edge(points, height, width)
    region = {"polygon": [[number for point in points for number in point]]}
    if code_of(region, height, width) == "empty-mask":
        assert not (truth & ~unsure).any()
    else:
        mask = decode_region(region, height=height, width=width)
        assert np.array_equal(mask & ~unsure, truth & ~unsure)


@given(st.lists(st.lists(corner, min_size=3, max_size=5), min_size=1, max_size=4))
def test_polygons_are_rasterised_and_united_as_in_coco(polygons: list[list[tuple[float, float]]]) -> None:
    flat = [[number for point in points for number in point] for points in polygons]
    truth = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, 20, 30)))
    assume(truth.any())
    assert np.array_equal(decode_region({"polygon": flat}, height=20, width=30), truth)


def test_a_polygon_along_pixel_borders_is_exact() -> None:
    mask = decode_region({"polygon": [[1, 2, 4, 2, 4, 5, 1, 5]]}, height=HEIGHT, width=WIDTH)
    assert np.array_equal(mask, decode_region({"box": [1, 2, 3, 3]}, height=HEIGHT, width=WIDTH))
    surrounding = {"polygon": [[-50, -50, 50, -50, 50, 50, -50, 50]]}
    assert decode_region(surrounding, height=HEIGHT, width=WIDTH).all()


SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]


@pytest.mark.parametrize(
    ("polygon", "code"),
    [
        ([], "malformed-polygon"),
        ([[]], "malformed-polygon"),
        (SQUARE, "malformed-polygon"),
        ([[1, 1, 4, 1]], "malformed-polygon"),
        ([[1, 1, 4, 1, 4]], "malformed-polygon"),
        ([[1, 1, 4, 1, 4, 4, 1]], "malformed-polygon"),
        ([SQUARE, [1, 1]], "malformed-polygon"),
        ([SQUARE, None], "malformed-polygon"),
        ([[[1, 1], [4, 1], [4, 4]]], "malformed-polygon"),
        ([[1, 1, 4, 1, 4, float("nan")]], "malformed-polygon"),
        ([[1, 1, 4, 1, float("inf"), 4]], "malformed-polygon"),
        ([[1, 1, 4, 1, True, 4]], "malformed-polygon"),
        ([["1", "1", "4", "1", "4", "4"]], "malformed-polygon"),
        ([[1, 1, 4, 1, 10**400, 4]], "malformed-polygon"),
        ({"points": SQUARE}, "malformed-polygon"),
        (None, "malformed-polygon"),
        ([[1, 1, 4, 1, 1e300, 4]], "region-too-complex"),
        ([[1, 1, 4, 1, 10**30, 4]], "region-too-complex"),
        ([[1e9, 1e9, 1e9 + 1, 1e9, 1e9, 1e9 + 1]], "region-too-complex"),
        ([[-POLYGON_REACH, 0, POLYGON_REACH, 0, 0, 5]], "region-too-complex"),
        ([[0, 0, 0, 5000] * 150], "region-too-complex"),
        ([[1, 1] * 1_000_001], "region-too-complex"),
        ([SQUARE] * (MOST_POLYGONS + 1), "region-too-complex"),
        ([[1, 1, 4, 4, 1, 1]], "empty-mask"),
        ([[2, 2, 2, 2, 2, 2]], "empty-mask"),
        ([[20, 20, 30, 20, 30, 30]], "empty-mask"),
        ([[-20, 1, -10, 1, -10, 4, -20, 4]], "empty-mask"),
    ],
)
def test_faulty_polygons(polygon: object, code: str) -> None:
    assert code_of({"polygon": polygon}) == code


def test_many_polygons_of_many_points_are_taken() -> None:
    angles = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    circle = np.stack([50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles)], axis=1).ravel().tolist()
    mask = decode_region({"polygon": [circle] * 100}, height=100, width=100)
    assert mask.sum() == pytest.approx(np.pi * 40**2, rel=0.01)


# PNG

png_masks = hnp.arrays(np.bool_, (HEIGHT, WIDTH)).filter(lambda mask: bool(mask.any()))


def renderings(mask: Mask) -> dict[str, bytes]:
    """The same mask as PNG files of every kind that tools write."""
    height, width = mask.shape
    ones = mask.astype(np.uint8)
    random = np.random.default_rng(int(ones.sum()))
    colours = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    palette_image = Image.fromarray(ones).convert("P")
    palette_image.putpalette([0, 0, 0, 128, 0, 0])
    # As in files made smaller by tools that sort a palette by brightness: number 0 is white, and so is what is inside.
    turned_image = Image.fromarray(1 - ones).convert("P")
    turned_image.putpalette([255, 255, 255, 0, 0, 0])
    sixteen_bit_colour = np.zeros((height, width, 3), ">u2")
    sixteen_bit_colour[..., 2] = ones.astype(np.uint16) << 8
    return {
        "1 bit": saved(Image.fromarray(mask)),
        "grey 255": saved(Image.fromarray(ones * 255)),
        "grey 1": saved(Image.fromarray(ones)),
        "16 bits, 65535": saved(Image.fromarray(ones.astype(np.uint16) * 65535)),
        "16 bits, 1": saved(Image.fromarray(ones.astype(np.uint16))),
        "colour, one channel": saved(Image.fromarray(np.stack([0 * ones, 0 * ones, ones], axis=-1))),
        "16-bit colour": png(width, height, depth=16, colour=2, rows=sixteen_bit_colour.tobytes()),
        "palette": saved(palette_image),
        "palette turned round": saved(turned_image),
        "palette with transparency": saved(palette_image, transparency=0),
        "opaque alpha": saved(Image.fromarray(np.dstack([colours * 0 + ones[..., None], np.full_like(ones, 255)]))),
        "opaque grey alpha": saved(Image.fromarray(np.dstack([ones * 9, np.full_like(ones, 255)]))),
    }


@given(png_masks)
def test_every_kind_of_png_gives_the_mask(mask: Mask) -> None:
    for kind, data in renderings(mask).items():
        region = json.loads(json.dumps({"png": base64.b64encode(data).decode()}))
        decoded = decode_region(region, height=HEIGHT, width=WIDTH)
        assert decoded.dtype == np.bool_, kind
        assert np.array_equal(decoded, mask), kind


@given(png_masks.filter(lambda mask: not mask.all()), st.integers(1, 255))
def test_of_a_cut_out_alpha_is_the_mask_whatever_the_colours(mask: Mask, alpha: int) -> None:
    colours = np.random.default_rng(alpha).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    cut_out = np.dstack([colours, mask.astype(np.uint8) * alpha])
    black = np.dstack([colours * 0, mask.astype(np.uint8) * alpha])
    grey = np.dstack([colours[..., 0], mask.astype(np.uint8) * alpha])
    for pixels in (cut_out, black, grey):
        assert np.array_equal(decode_png_mask(saved(Image.fromarray(pixels)), height=HEIGHT, width=WIDTH), mask)
    keyed = np.where(mask, 0, 7).astype(np.uint8)
    assert np.array_equal(
        decode_png_mask(saved(Image.fromarray(keyed), transparency=7), height=HEIGHT, width=WIDTH), mask
    )


def test_samples_of_few_bits_count() -> None:
    packed = png(4, 1, depth=2, colour=0, rows=b"\x1b")  # 0 1 2 3
    assert decode_png_mask(packed, height=1, width=4).tolist() == [[False, True, True, True]]
    keyed = png(4, 1, depth=2, colour=0, rows=b"\x1b", extra=((b"tRNS", b"\0\2"),))
    assert decode_png_mask(keyed, height=1, width=4).tolist() == [[True, True, False, True]]


GOOD_PNG = saved(Image.new("L", (WIDTH, HEIGHT), 255))


def as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("breaks", ["\n", "\r\n", " ", "\t\n"])
def test_line_breaks_in_base64_do_not_count(breaks: str) -> None:
    text = as_text(GOOD_PNG)
    for broken in (text + breaks, text[:40] + breaks + text[40:]):
        assert code_of({"png": broken}) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (as_text(saved(Image.new("L", (WIDTH + 1, HEIGHT), 255))), "mask-size-mismatch"),
        (as_text(saved(Image.new("L", (HEIGHT, WIDTH), 255))), "mask-size-mismatch"),
        (as_text(saved(Image.new("L", (1, 1), 255))), "mask-size-mismatch"),
        (as_text(png(50_000, 50_000, depth=8, colour=0, rows=bytes(50_000))), "mask-size-mismatch"),
        (as_text(saved(Image.new("L", (WIDTH, HEIGHT)))), "empty-mask"),
        (as_text(saved(Image.new("RGBA", (WIDTH, HEIGHT), (9, 9, 9, 0)))), "empty-mask"),
        (as_text(saved(Image.new("L", (WIDTH, HEIGHT), 255), "JPEG")), "malformed-png"),
        (as_text(saved(Image.new("L", (WIDTH, HEIGHT), 255), "GIF")), "malformed-png"),
        (as_text(b"not a picture"), "malformed-png"),
        (as_text(GOOD_PNG[:8]), "malformed-png"),
        (as_text(GOOD_PNG[:-20]), "malformed-png"),
        ("", "malformed-png"),
        ("data:image/png;base64," + as_text(GOOD_PNG), "malformed-png"),
        (as_text(GOOD_PNG)[:41], "malformed-png"),
        (as_text(GOOD_PNG) + "====", "malformed-png"),
        ("\u00e4" + as_text(GOOD_PNG), "malformed-png"),
        ("\ud800", "malformed-png"),
        (GOOD_PNG, "malformed-png"),
        (None, "malformed-png"),
        (7, "malformed-png"),
        ([as_text(GOOD_PNG)], "malformed-png"),
    ],
)
def test_faulty_pngs(value: object, code: str) -> None:
    assert code_of({"png": value}) == code


@given(st.binary(max_size=4), st.integers(0, len(GOOD_PNG)), st.integers(0, 4))
def test_a_damaged_png_is_refused_or_gives_a_mask(inserted: bytes, at: int, removed: int) -> None:
    damaged = GOOD_PNG[:at] + inserted + GOOD_PNG[at + removed :]
    assert code_of({"png": as_text(damaged)}) in (None, "malformed-png", "mask-size-mismatch", "empty-mask")


# The forms among each other


@pytest.mark.parametrize(
    "region",
    [
        {},
        {"box": [0, 0, 1, 1], "extra": 1},
        {"box": [0, 0, 1, 1], "polygon": [SQUARE]},
        {"box": [0, 0, 1, 1], "size": [HEIGHT, WIDTH]},
        {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH], "png": as_text(GOOD_PNG)},
        {"polygons": [SQUARE]},
        {"Box": [0, 0, 1, 1]},
        {1: 2},
        "box",
        "",
        7,
        0,
        True,
        False,
        1.5,
        float("nan"),
        (0, 0, 1, 1),
        [0, 0, 1, 1],
        [None],
        [[]],
    ],
)
def test_what_is_no_region_is_refused(region: object) -> None:
    assert code_of(region) == "malformed-region"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.dictionaries(st.sampled_from(["size", "counts", "polygon", "box", "png", "x"]), inner, max_size=3),
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_gives_a_mask_or_a_named_error_that_does_not_repeat_it(region: object) -> None:
    result = outcome(region)
    if isinstance(result, RegionError):
        assert result.code in REGION_CODES
        assert len(str(result)) < 200
    else:
        assert result.shape == (HEIGHT, WIDTH)
        assert result.dtype == np.bool_
        assert result.any()


def test_the_forms_agree() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[1:4, 2:7] = True
    for region in (
        encode_rle(mask),
        [encode_rle(mask)],
        {"box": [2, 1, 5, 3]},
        {"polygon": [[2, 1, 7, 1, 7, 4, 2, 4]]},
        {"png": as_text(saved(Image.fromarray(mask)))},
    ):
        assert np.array_equal(decode_region(region, height=HEIGHT, width=WIDTH), mask)


@pytest.mark.parametrize(
    ("polygon", "meant"),
    [
        (SQUARE, "one more pair of brackets"),
        (SQUARE * MOST_POLYGONS, "one more pair of brackets"),
        ([[1, 1], [4, 1], [4, 4]], "not a list of points"),
        ([[[1, 1], [4, 1], [4, 4]]], "not a list of points"),
        ([[{"x": 1, "y": 1}]], "not a list of points"),
        ([[1, 1, 4, 1]], "three or more points"),
        ([SQUARE, None], "three or more points"),
    ],
)
def test_a_polygon_of_another_shape_is_told_the_shape_that_is_meant(polygon: object, meant: str) -> None:
    with pytest.raises(RegionError, match=meant):
        decode_region({"polygon": polygon}, height=HEIGHT, width=WIDTH)
