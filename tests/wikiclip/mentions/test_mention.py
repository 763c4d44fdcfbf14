"""What a masked region looks like to the vision tower: place, share, colours and the edge cases of size."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from wikiclip.masks import Mask
from wikiclip.mentions.mention import (
    DARKEST,
    LIGHTEST,
    View,
    cut_out,
    full_cover,
    full_picture,
    masked_crop,
    under_another,
)
from wikiclip.presets import MentionConfig

SIZE = 64
MEAN = (120, 117, 104)
INSIDE, OUTSIDE = (200, 30, 60), (10, 240, 90)
MEAN_C11, INSIDE_C11, OUTSIDE_C11 = (np.array(colour, np.uint8)[:, None, None] for colour in (MEAN, INSIDE, OUTSIDE))


def textured(height: int, width: int) -> Image.Image:
    """Smooth and without symmetry, so that no turn and no shift goes unseen."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / 7) * np.cos(y / 11), np.sin((x + 2 * y) / 13), np.cos(x / 17) * np.sin(y / 5)]
    return Image.fromarray(np.stack([127 + 120 * wave for wave in waves], axis=-1).astype(np.uint8))


def two_colours(mask: Mask) -> Image.Image:
    return Image.fromarray(np.where(mask[..., None], INSIDE_C11[:, 0, 0], OUTSIDE_C11[:, 0, 0]))


def crop(image: Image.Image, mask: Mask, *, margin: float = 0.1, background: float = 0.0, size: int = SIZE) -> View:
    return masked_crop(image, mask, size=size, config=MentionConfig(margin=margin, background=background), mean=MEAN)


@st.composite
def rectangles(draw: st.DrawFn, *, longest: int = 90) -> Mask:
    """A picture of any shape with one rectangle in it: single pixels, slivers, at borders and corners."""
    height, width = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    bottom, right = draw(st.integers(1, height)), draw(st.integers(1, width))
    top, left = draw(st.integers(0, bottom - 1)), draw(st.integers(0, right - 1))
    mask = np.zeros((height, width), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@st.composite
def any_masks(draw: st.DrawFn) -> Mask:
    """Speckle, rectangles, and slivers up to a thousand times as long as they are wide."""
    if draw(st.booleans()):
        return draw(rectangles())
    shape = draw(st.sampled_from([(1, 1), (1, 1000), (1000, 1), (2, 700), (37, 53), (64, 64), (300, 5)]))
    mask = np.random.default_rng(draw(st.integers(0, 999))).random(shape) < draw(st.sampled_from([0.002, 0.1, 0.9]))
    assume(mask.any())
    return mask


@settings(deadline=None)
@given(any_masks(), st.sampled_from([0.0, 0.1, 0.5]), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([1, 7, 64]))
def test_a_crop_is_a_square_of_the_right_kind_for_every_mask(
    mask: Mask, margin: float, background: float, size: int
) -> None:
    view = crop(two_colours(mask), mask, margin=margin, background=background, size=size)
    assert view.pixels_CHW.shape == (3, size, size)
    assert view.pixels_CHW.dtype == np.uint8
    assert view.pixels_CHW.flags.c_contiguous
    assert view.inside_HW.shape == (size, size)
    assert view.inside_HW.dtype == np.float32
    assert 0 <= view.inside_HW.min() <= view.inside_HW.max() <= 1
    assert view.inside_HW.any(), "a mask that is not empty covers something"


@settings(deadline=None)
@given(any_masks())
def test_without_background_whatever_the_mask_leaves_out_is_the_mean_colour(mask: Mask) -> None:
    view = crop(two_colours(mask), mask)
    outside = view.inside_HW == 0
    assert (view.pixels_CHW[:, outside] == MEAN_C11[:, 0]).all()


@settings(deadline=None)
@given(any_masks(), st.floats(0, 1))
def test_the_background_fades_into_the_mean_colour(mask: Mask, background: float) -> None:
    image = Image.new("RGB", mask.shape[::-1], INSIDE)
    view = crop(image, mask, background=background)
    kept = np.rint(255 * background + (1 - background) * 255 * view.inside_HW) / 255
    expected = np.rint(MEAN_C11 + (INSIDE_C11.astype(float) - MEAN_C11) * kept)
    distance = np.abs(view.pixels_CHW - expected).max(axis=0)
    assert (distance[view.inside_HW > 0] == 0).all()
    beyond = (view.pixels_CHW == MEAN_C11).all(axis=0)
    assert ((distance == 0) | beyond).all(), "beyond the picture's border there is the mean colour, whatever is kept"


@settings(deadline=None)
@given(rectangles(), st.sampled_from([0.0, 0.1, 0.5]))
def test_the_mask_keeps_its_share_and_its_place(mask: Mask, margin: float) -> None:
    view = crop(two_colours(mask), mask, margin=margin)
    height, width = np.ptp(mask.nonzero(), axis=1) + 1
    scale = SIZE / (max(height, width) * (1 + 2 * margin))
    tall, wide = height * scale, width * scale
    # Up to two pixels along each side, as below: where the part lies is rounded, and so is each pixel of the mask.
    assert float(view.inside_HW.sum()) == pytest.approx(tall * wide, abs=2 * (tall + wide) + 4)
    rows, columns = view.inside_HW.nonzero()
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx(SIZE / 2, abs=1)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(SIZE / 2, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(tall, abs=2)
    assert np.ptp(columns) + 1 == pytest.approx(wide, abs=2)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 100), st.integers(0, 100), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_a_crop_does_not_depend_on_where_in_the_picture_it_lies(
    height: int, width: int, top: int, left: int, seed: int
) -> None:
    tile, shape = textured(60, 60), np.random.default_rng(seed).random((height, width)) < 0.7
    shape[0, 0] = shape[-1, -1] = True

    def view_at(y: int, x: int) -> View:
        picture, mask = Image.new("RGB", (160, 160), OUTSIDE), np.zeros((160, 160), np.bool_)
        picture.paste(tile, (x, y))
        mask[y + 20 : y + 20 + height, x + 20 : x + 20 + width] = shape
        return crop(picture, mask, background=0.5)

    here, there = view_at(50, 50), view_at(top, left)
    np.testing.assert_array_equal(here.inside_HW, there.inside_HW)
    assert np.abs(here.pixels_CHW.astype(int) - there.pixels_CHW).max() <= 2


@pytest.mark.parametrize("corner", [(0, 0), (0, 197), (147, 0), (147, 197)])
def test_a_mask_at_the_border_stays_in_the_middle(corner: tuple[int, int]) -> None:
    mask = np.zeros((150, 200), np.bool_)
    mask[corner[0] : corner[0] + 3, corner[1] : corner[1] + 3] = True
    view = crop(two_colours(mask), mask, margin=0.5)
    expected = np.zeros((SIZE, SIZE), np.float32)
    expected[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4] = 1
    np.testing.assert_array_equal(view.inside_HW, expected)


def test_inside_and_outside_keep_their_sides() -> None:
    """A picture that is red on the left and green on the right, and a mask over both."""
    mask = np.zeros((60, 100), np.bool_)
    mask[10:50, 30:70] = True
    left = np.zeros_like(mask)
    left[:, :50] = True
    view = crop(two_colours(left), mask, margin=0.0)
    assert (view.pixels_CHW[:, :, : SIZE // 2 - 3] == INSIDE_C11).all()
    assert (view.pixels_CHW[:, :, SIZE // 2 + 3 :] == OUTSIDE_C11).all()


def test_the_full_picture_stands_whole_in_the_middle() -> None:
    mask = np.zeros((50, 200), np.bool_)
    mask[:, 100:] = True
    view = full_picture(two_colours(mask), mask, size=SIZE, mean=MEAN)
    rows, bars = slice(24, 40), [slice(0, 24), slice(40, 64)]
    for bar in bars:
        assert (view.pixels_CHW[:, bar] == MEAN_C11).all()
    assert (view.pixels_CHW[:, rows, :29] == OUTSIDE_C11).all()
    assert (view.pixels_CHW[:, rows, 35:] == INSIDE_C11).all()
    expected: NDArray[np.float32] = np.zeros((SIZE, SIZE), np.float32)
    expected[rows, 32:] = 1
    np.testing.assert_array_equal(view.inside_HW, expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2), (400, 400)])
def test_the_full_picture_of_every_shape(shape: tuple[int, int]) -> None:
    mask = np.ones(shape, np.bool_)
    view = full_picture(two_colours(mask), mask, size=SIZE, mean=MEAN)
    shown = (view.pixels_CHW == INSIDE_C11).all(axis=0)
    np.testing.assert_array_equal(shown, view.inside_HW == 1)
    share = min(shape) / max(shape)
    assert float(view.inside_HW.mean()) == pytest.approx(max(share, 1 / SIZE), abs=1 / SIZE)


@pytest.mark.parametrize("where", [(0, 0), (2999, 3999), (1234, 777)])
def test_one_pixel_of_millions_still_covers_something(where: tuple[int, int]) -> None:
    mask = np.zeros((3000, 4000), np.bool_)
    mask[where] = True
    view = full_picture(Image.new("RGB", (4000, 3000)), mask, size=SIZE, mean=MEAN)
    rows, columns = view.inside_HW.nonzero()
    scale = SIZE / 4000
    assert len(rows) == 1
    assert rows[0] == pytest.approx((500 + where[0]) * scale, abs=1)
    assert columns[0] == pytest.approx(where[1] * scale, abs=1)


def test_an_empty_mask_covers_nothing_of_the_full_picture() -> None:
    mask = np.zeros((9, 9), np.bool_)
    assert not full_picture(two_colours(mask), mask, size=SIZE, mean=MEAN).inside_HW.any()


@settings(deadline=None)
@given(any_masks(), st.sampled_from([1, 7, 64]), st.sampled_from([1, 2, 3]))
def test_the_full_picture_under_another_mask_shares_its_pixels(mask: Mask, size: int, shrunk: int) -> None:
    height, width = mask.shape
    image = textured(-(-height // shrunk), -(-width // shrunk))
    first = full_picture(image, ~mask, size=size, mean=MEAN, shrunk=shrunk)
    found = under_another(first, mask, shrunk=shrunk)
    expected = full_picture(image, mask, size=size, mean=MEAN, shrunk=shrunk)
    assert found.pixels_CHW is first.pixels_CHW
    assert (found.pixels_CHW == expected.pixels_CHW).all()
    assert (found.inside_HW == expected.inside_HW).all()


@settings(deadline=None)
@given(any_masks())
def test_cells_are_covered_as_the_view_is(mask: Mask) -> None:
    full = full_picture(textured(*mask.shape), mask, size=SIZE, mean=MEAN)
    np.testing.assert_allclose(full_cover(mask, SIZE), full.inside_HW, atol=1.1 / 255)


@pytest.mark.parametrize("background", [0.0, 0.4, 1.0])
def test_what_is_transparent_in_a_record_s_picture_is_grey_as_far_as_a_background_is_kept(background: float) -> None:
    opaque = np.zeros((80, 120), np.bool_)
    opaque[20:60, 30:90] = True
    config = MentionConfig(background=background)
    view = cut_out(two_colours(opaque), opaque, size=SIZE, config=config, mean=MEAN)
    assert (view.inside_HW > 0.99).sum() == pytest.approx(SIZE * SIZE * 40 / 60, rel=0.1)
    assert np.abs(view.pixels_CHW[:, SIZE // 2, SIZE // 2].astype(int) - INSIDE_C11[:, 0, 0]).max() <= 1
    for row, darker in ((1, True), (SIZE - 2, False)):  # above and below the thing
        seen_C = view.pixels_CHW[:, row, SIZE // 2].astype(float)
        grey_C = (seen_C - (1 - background) * np.array(MEAN)) / background if background else np.full(3, 130.0)
        assert np.ptp(grey_C) <= 4, "it has no colour, whatever the file has under its transparent pixels"
        assert DARKEST <= grey_C.mean() <= LIGHTEST
        assert background == 0 or bool(grey_C.mean() < 130) is darker


def test_what_lies_under_transparent_pixels_does_not_show() -> None:
    opaque = np.zeros((80, 120), np.bool_)
    opaque[20:60, 30:90] = True
    config, inside = MentionConfig(background=0.6), np.array(INSIDE, np.uint8)
    views = [
        cut_out(
            Image.fromarray(np.where(opaque[..., None], inside, np.array(hidden, np.uint8))),
            opaque, size=SIZE, config=config, mean=MEAN,
        )
        for hidden in ((255, 255, 255), (0, 0, 0))
    ]  # fmt: skip
    assert (views[0].pixels_CHW == views[1].pixels_CHW).all()
