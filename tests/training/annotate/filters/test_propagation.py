"""A box around several things is found out, and what was drawn at once mends it."""

import numpy as np
import pytest

from benchmarks.filtering.damages import damaged
from tests.training.annotate.filters.things import answer, candidate, choice, disc
from training.annotate.filters import propagation
from training.annotate.filters.agreement import agreement
from training.annotate.filters.thresholds import Thresholds
from training.annotate.overlap import box_of, iou

THRESHOLDS = Thresholds()
RIGHT, OTHER = disc(30, 20, 12), disc(30, 60, 12)
AT_ONCE = disc(31, 20, 12)


def case(wrong, *others, at_once=AT_ONCE, sure=0.7):
    """A first segmenter whose surest mask is a wrong one with its box, and others beside it."""
    first = answer(0, candidate(wrong.mask, 0.9, box=wrong.box), *others)
    answers = [first, answer(1, candidate(at_once, sure), candidate(OTHER, 0.3 * sure))]
    found = choice(wrong.mask, box=wrong.box, agreement=agreement(wrong.mask, 0, answers, THRESHOLDS))
    return found, answers


@pytest.mark.parametrize("name", ["several", "between"])
def test_a_box_of_several_things_gives_way_to_what_was_drawn_at_once(name):
    found, answers = case(damaged(name, 1, RIGHT, [OTHER], np.random.default_rng(0)))
    assert propagation.holds_several(found, answers, THRESHOLDS)
    mended = propagation.mended(found, answers, THRESHOLDS)
    np.testing.assert_array_equal(mended.mask, AT_ONCE)
    assert mended.mended == ("propagation",)
    assert mended.segmenter == 1


def test_the_box_that_agrees_with_what_was_drawn_at_once_goes_before_it():
    right = candidate(RIGHT, 0.6, boxed=True)
    found, answers = case(damaged("several", 1, RIGHT, [OTHER], np.random.default_rng(0)), right)
    mended = propagation.mended(found, answers, THRESHOLDS)
    np.testing.assert_array_equal(mended.mask, RIGHT)
    assert (mended.segmenter, mended.box) == (0, box_of(RIGHT))
    assert mended.agreement == iou(RIGHT, AT_ONCE)


def test_of_several_boxes_the_surest_by_its_overlap_is_taken():
    off = candidate(disc(30, 28, 12), 0.8, boxed=True)
    right = candidate(RIGHT, 0.7, boxed=True)
    found, answers = case(damaged("several", 1, RIGHT, [OTHER], np.random.default_rng(0)), off, right)
    np.testing.assert_array_equal(propagation.mended(found, answers, THRESHOLDS).mask, RIGHT)


def test_a_mask_that_is_agreed_on_stays():
    found, answers = case(damaged("none", 1, RIGHT, [OTHER], np.random.default_rng(0)))
    assert propagation.mended(found, answers, THRESHOLDS) is found


def test_a_wrong_mask_in_a_box_of_its_own_is_not_taken_for_an_error_passed_on():
    found, answers = case(damaged("wrong thing", 1, RIGHT, [OTHER], np.random.default_rng(0)))
    assert not propagation.holds_several(found, answers, THRESHOLDS)
    assert propagation.mended(found, answers, THRESHOLDS) is found  # and is removed, since nobody agrees


def test_without_a_second_segmenter_nothing_is_mended():
    found = choice(RIGHT | OTHER, box=box_of(RIGHT | OTHER), agreement=None)
    answers = [
        answer(0, candidate(RIGHT | OTHER, boxed=True), candidate(RIGHT, 0.5, boxed=True), candidate(OTHER, 0.5))
    ]
    assert propagation.mended(found, answers, THRESHOLDS) is found
