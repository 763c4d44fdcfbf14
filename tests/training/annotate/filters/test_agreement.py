"""What others draw, too, is chosen and trusted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.training.annotate.filters.things import answer, candidate, choice, disc
from training.annotate.filters.agreement import agreement, choose, is_agreed
from training.annotate.filters.thresholds import Thresholds
from training.annotate.overlap import iou

THRESHOLDS = Thresholds()
RIGHT, NEARLY, OTHER = disc(30, 20, 12), disc(31, 21, 12), disc(30, 60, 12)


def test_nothing_found_is_nothing_chosen():
    assert choose([], THRESHOLDS) is None
    assert choose([answer(0), answer(1)], THRESHOLDS) is None


def test_two_that_agree_go_before_the_surest_of_one():
    answers = [answer(0, candidate(OTHER, 0.9), candidate(RIGHT, 0.7)), answer(1, candidate(NEARLY))]
    chosen = choose(answers, THRESHOLDS)
    np.testing.assert_array_equal(chosen.mask, NEARLY)  # of the two the one whose segmenter is surer of it
    assert (chosen.segmenter, chosen.relative, chosen.agreement) == (1, 1, iou(RIGHT, NEARLY))
    assert is_agreed(chosen, THRESHOLDS)


def test_where_nobody_agrees_the_first_segmenters_surest_is_chosen_and_not_trusted():
    chosen = choose([answer(0, candidate(RIGHT, 0.2)), answer(1, candidate(OTHER, 0.9))], THRESHOLDS)
    np.testing.assert_array_equal(chosen.mask, RIGHT)
    assert chosen.agreement == 0
    assert not is_agreed(chosen, THRESHOLDS)


def test_confidences_of_two_segmenters_are_of_two_scales():
    chosen = choose([answer(0, candidate(RIGHT, 0.01)), answer(1, candidate(OTHER, 0.99))], THRESHOLDS)
    np.testing.assert_array_equal(chosen.mask, RIGHT)


def test_what_both_are_unsure_of_is_no_agreement():
    unsure = candidate(OTHER, 0.3)
    answers = [answer(0, candidate(RIGHT, 0.9), unsure), answer(1, candidate(disc(10, 40, 5), 0.9), unsure)]
    assert agreement(OTHER, 0, answers, THRESHOLDS) < THRESHOLDS.agreed
    assert not is_agreed(choice(OTHER, relative=0.3, agreement=1.0), THRESHOLDS)


def test_a_second_that_finds_nothing_does_not_agree():
    assert agreement(RIGHT, 0, [answer(0, candidate(RIGHT)), answer(1)], THRESHOLDS) == 0


def test_one_segmenter_is_held_against_itself_in_other_words():
    own = [answer(0, candidate(RIGHT)), answer(0, candidate(NEARLY), reference="intension")]
    assert agreement(RIGHT, 0, own, THRESHOLDS) == pytest.approx(iou(RIGHT, NEARLY))
    assert agreement(RIGHT, 0, own[:1], THRESHOLDS) is None
    assert is_agreed(choice(RIGHT, agreement=None), THRESHOLDS)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(hnp.arrays(np.bool_, (4, 5)).filter(np.any), st.floats(0.0, 1.0)), min_size=0, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_the_choice_is_a_candidate_and_its_agreement_an_overlap_that_there_is(lists):
    answers = [
        answer(number % 2, *(candidate(mask, confidence) for mask, confidence in found))
        for number, found in enumerate(lists)
    ]
    chosen = choose(answers, THRESHOLDS)
    every = [each for one in answers for each in one.candidates]
    assert (chosen is None) == (not every)
    if chosen is not None:
        assert any(chosen.mask is each.mask for each in every)
        assert 0 <= chosen.relative <= 1
        assert chosen.agreement is None or 0 <= chosen.agreement <= 1
