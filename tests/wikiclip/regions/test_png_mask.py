"""PNG masks that say what is inside in more than one way: told apart, or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from tests.wikiclip.picture_files.made import saved
from wikiclip.masks import Mask
from wikiclip.regions.decode import decode_png_mask
from wikiclip.regions.region import RegionError

HEIGHT, WIDTH = 40, 60
RECTANGLES = st.tuples(st.integers(0, 15), st.integers(18, 40), st.integers(0, 20), st.integers(26, 60)).filter(
    lambda edges: (edges[1] - edges[0]) * (edges[3] - edges[2]) < HEIGHT * WIDTH * 0.9
)
COLOURS = st.tuples(*[st.integers(1, 255)] * 3)


def rectangle(edges: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[edges[0] : edges[1], edges[2] : edges[3]] = True
    return mask


def painted(mask: Mask, colour: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
    """Black and one colour, with an alpha channel that is opaque."""
    return np.dstack([np.where(mask[..., None], colour, 0), np.full(mask.shape, 255)]).astype(np.uint8)


def read(pixels: NDArray[np.uint8]) -> Mask:
    return decode_png_mask(saved(Image.fromarray(pixels)), height=HEIGHT, width=WIDTH)


def refused(pixels: NDArray[np.uint8]) -> bool:
    with pytest.raises(RegionError, match="say different things") as caught:
        read(pixels)
    return caught.value.code == "malformed-png"


@given(RECTANGLES, COLOURS, hnp.arrays(np.uint8, (HEIGHT, WIDTH), elements=st.integers(1, 255)))
def test_of_a_painted_mask_no_alpha_above_zero_changes_anything(
    edges: tuple[int, int, int, int], colour: tuple[int, int, int], alpha: NDArray[np.uint8]
) -> None:
    mask = rectangle(edges)
    pixels = painted(mask, colour)
    pixels[..., 3] = alpha
    assert np.array_equal(read(pixels), mask)


@given(RECTANGLES, COLOURS, st.sets(st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1)), max_size=100))
def test_of_a_painted_mask_a_few_transparent_pixels_are_outside(
    edges: tuple[int, int, int, int], colour: tuple[int, int, int], holes: set[tuple[int, int]]
) -> None:
    pixels = painted(rectangle(edges), colour)
    expected = rectangle(edges)
    for hole in holes:
        pixels[(*hole, 3)] = 0
        expected[hole] = False
    assert np.array_equal(read(pixels), expected)


@pytest.mark.parametrize("degrees", [0.5, 1, -1, 2])
@pytest.mark.parametrize("resample", [Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
def test_a_painted_mask_that_was_turned_keeps_its_black_outside(degrees: float, resample: Image.Resampling) -> None:
    pixels = painted(rectangle((5, 30, 10, 50)))
    turned = np.asarray(Image.fromarray(pixels).rotate(degrees, resample))
    assert np.array_equal(read(turned), turned[..., :3].any(axis=-1) & (turned[..., 3] > 0))
    assert read(turned).mean() < 0.5


@given(RECTANGLES, st.integers(1, 255), st.integers(0, 2**32 - 1))
def test_a_photograph_that_was_cut_out_is_inside_black_and_all(
    edges: tuple[int, int, int, int], alpha: int, seed: int
) -> None:
    mask = rectangle(edges)
    colours = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3))
    colours[::3] = 0  # a third of it is black
    pixels = np.dstack([colours, mask * alpha]).astype(np.uint8)
    assert np.array_equal(read(pixels), mask)


@given(RECTANGLES, st.tuples(*[st.integers(0, 255)] * 3))
def test_one_colour_on_transparent_is_inside_whatever_it_is(
    edges: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    mask = rectangle(edges)
    pixels = np.dstack([np.broadcast_to(colour, (HEIGHT, WIDTH, 3)), mask * 255]).astype(np.uint8)
    assert np.array_equal(read(pixels), mask)


def test_black_and_white_on_much_that_is_transparent_is_refused() -> None:
    pixels = painted(rectangle((5, 30, 10, 50)))
    pixels[:, :12, 3] = 0
    assert refused(pixels)
    assert refused(np.asarray(Image.fromarray(painted(rectangle((5, 30, 10, 50)))).rotate(30)))


def test_many_colours_and_much_black_on_hardly_anything_transparent_are_refused() -> None:
    pixels = painted(rectangle((5, 30, 10, 50)))
    pixels[5:30, 10:50, :3] = np.random.default_rng(0).integers(1, 256, (25, 40, 3))
    pixels[0, 0, 3] = 0
    assert refused(pixels)


def test_a_whole_picture_that_is_half_seen_in_part_is_refused() -> None:
    pixels = painted(np.ones((HEIGHT, WIDTH), np.bool_))
    pixels[..., 3] = np.where(rectangle((5, 30, 10, 50)), 255, 20)
    assert refused(pixels)
    pixels[..., 3] = 255
    pixels[0, 0, 3] = 254
    assert read(pixels).all()


def palette(numbers: NDArray[np.uint8], *colours: tuple[int, int, int]) -> bytes:
    image = Image.fromarray(numbers).convert("P")
    image.putpalette([value for colour in colours for value in colour])
    return saved(image)


BLACK, WHITE, RED, GREEN = (0, 0, 0), (255, 255, 255), (128, 0, 0), (0, 128, 0)
LABELS = np.zeros((HEIGHT, WIDTH), np.uint8)
LABELS[5:20, 5:30], LABELS[22:35, 10:50] = 1, 2


def of(numbers: NDArray[np.uint8], *colours: tuple[int, int, int]) -> Mask:
    return decode_png_mask(palette(numbers, *colours), height=HEIGHT, width=WIDTH)


def test_labels_of_a_palette_are_inside_by_number_and_by_colour() -> None:
    assert np.array_equal(of(LABELS, BLACK, RED, GREEN), LABELS != 0)


@pytest.mark.parametrize("colours", [(WHITE, RED, GREEN), (BLACK, BLACK, BLACK), (GREEN, RED, WHITE)])
def test_where_colours_say_nothing_numbers_do(colours: tuple[tuple[int, int, int], ...]) -> None:
    assert np.array_equal(of(LABELS, *colours), LABELS != 0)


def test_black_and_white_that_a_tool_has_sorted_is_told_by_colour() -> None:
    inside = LABELS != 0
    assert np.array_equal(of((~inside).astype(np.uint8), WHITE, BLACK), inside)
    greys = np.where(inside, 0, 2).astype(np.uint8)
    greys[0, 0] = 1
    expected = inside.copy()
    expected[0, 0] = True
    assert np.array_equal(of(greys, WHITE, (90, 90, 90), BLACK), expected)


def test_a_palette_whose_number_0_is_no_colour_of_the_outside_is_refused() -> None:
    for colours in ((WHITE, BLACK, RED), (BLACK, BLACK, RED)):
        with pytest.raises(RegionError, match="palette say different things") as caught:
            of(LABELS, *colours)
        assert caught.value.code == "malformed-png"


def test_one_colour_of_a_palette_is_the_whole_picture_or_nothing() -> None:
    blank = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert of(blank, WHITE).all()
    with pytest.raises(RegionError) as caught:
        of(blank, BLACK)
    assert caught.value.code == "empty-mask"


@given(
    hnp.arrays(np.uint8, (HEIGHT, WIDTH), elements=st.integers(0, 3)),
    st.lists(st.sampled_from([BLACK, WHITE, RED, GREEN]), min_size=4, max_size=4),
)
def test_a_palette_is_read_by_number_or_by_colour_or_refused(
    numbers: NDArray[np.uint8], colours: list[tuple[int, int, int]]
) -> None:
    by_colour = np.array(colours).any(axis=-1)[numbers]
    try:
        mask = of(numbers, *colours)
    except RegionError:
        agree = np.array_equal(by_colour, numbers != 0)
        assert not agree or not by_colour.any()
        return
    assert np.array_equal(mask, by_colour) or (np.array_equal(mask, numbers != 0) and by_colour.std() == 0)
