"""Marks of shapes that the tests draw: each is about the thing, and none is ever empty."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from training.data.scenes.marks import MARKS, box, brushed, click, eroded, holed, mark
from wikiclip.masks import Mask, bounds
from wikiclip.segmenters.grabcut import GrabCut

SHAPE = (120, 160)


def ellipse(x: int, y: int, width: int, height: int) -> Mask:
    drawn = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(drawn, (x, y), (width, height), 0, 0, 360, 1, cv2.FILLED)
    return drawn > 0


things = st.builds(ellipse, st.integers(0, 159), st.integers(0, 119), st.integers(0, 90), st.integers(0, 70))
rngs = st.builds(np.random.default_rng, st.integers(0, 2**32))


@settings(deadline=None, max_examples=60)
@given(things, rngs, st.sampled_from(MARKS))
def test_a_mark_has_the_picture_s_size_and_a_pixel(true: Mask, rng: np.random.Generator, kind):
    scene = Image.fromarray(np.where(true[..., None], (200, 40, 40), (40, 60, 200)).astype(np.uint8))
    marked = mark(kind, scene, true, GrabCut(), rng)
    assert (marked.shape, marked.dtype) == (SHAPE, np.bool_)
    assert marked.any()


@settings(deadline=None)
@given(things, rngs)
def test_a_click_is_on_the_thing_and_off_its_rim(true: Mask, rng: np.random.Generator):
    at = click(true, rng)
    depth_HW = cv2.distanceTransform(np.pad(true, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    assert true[at.y, at.x]
    assert depth_HW[at.y, at.x] >= depth_HW.max() / 2


@settings(deadline=None)
@given(things, rngs)
def test_a_box_is_off_by_a_twentieth_at_most(true: Mask, rng: np.random.Generator):
    at = box(true, rng)
    left, top, right, bottom = bounds(true)
    assert 0 <= at.left < at.right <= SHAPE[1]
    assert 0 <= at.top < at.bottom <= SHAPE[0]
    assert max(abs(at.left - left), abs(at.right - right)) <= 0.05 * (right - left) + 1
    assert max(abs(at.top - top), abs(at.bottom - bottom)) <= 0.05 * (bottom - top) + 1


@pytest.mark.parametrize("seed", range(5))
def test_a_brush_goes_beyond_and_a_timid_one_stays_inside(seed: int):
    true = ellipse(80, 60, 50, 30)
    beyond, inside, missed = (damage(true, np.random.default_rng(seed)) for damage in (brushed, eroded, holed))
    assert beyond.sum() > 1.1 * true.sum()
    assert (beyond & true).sum() > 0.9 * true.sum()
    assert inside.sum() < 0.9 * true.sum()
    assert not (inside & ~true).any()
    assert 0.5 * true.sum() < missed.sum() < true.sum()
    assert not (missed & ~true).any()
    assert cv2.connectedComponents((true & ~missed).astype(np.uint8))[0] > 1
