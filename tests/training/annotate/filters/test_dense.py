"""The background of a crowd is told from the crowd, and nothing else is inverted."""

import numpy as np
import pytest

from benchmarks.filtering.damages import damaged
from tests.training.annotate.filters.things import HEIGHT, WHOLE, WIDTH, answer, candidate, choice, disc
from training.annotate.filters import dense
from training.annotate.filters.thresholds import Thresholds

THRESHOLDS = Thresholds()
CROWD = [disc(row, column, 7) for row in (9, 30, 51) for column in (10, 30, 50, 70)]
ALL = np.logical_or.reduce(CROWD)


def answers_with(mask):
    """A first segmenter that is surest of a mask and less sure of each thing, and a second that has all at once."""
    things = [candidate(thing, 0.5, boxed=True) for thing in CROWD]
    return [answer(0, candidate(mask, 0.9, box=WHOLE), *things), answer(1, candidate(ALL, 0.6))]


def test_a_crowd_is_dense_by_its_boxes_and_its_pieces():
    assert dense.is_dense(ALL, answers_with(ALL), THRESHOLDS)
    assert dense.is_dense(~ALL, answers_with(~ALL), THRESHOLDS)


def test_few_boxes_or_small_ones_or_one_piece_are_no_crowd():
    two = [answer(0, candidate(CROWD[0], boxed=True), candidate(CROWD[1], boxed=True))]
    assert not dense.is_dense(ALL, two, THRESHOLDS)
    small = [answer(0, *(candidate(disc(5 + 9 * n, 5, 2), boxed=True) for n in range(5)))]
    assert not dense.is_dense(ALL, small, THRESHOLDS)
    assert not dense.is_dense(disc(30, 40, 20), answers_with(disc(30, 40, 20)), THRESHOLDS)


def test_the_background_is_inverted_and_the_crowd_is_not():
    righted = dense.put_right(choice(~ALL), answers_with(~ALL), THRESHOLDS)
    np.testing.assert_array_equal(righted.mask, ALL)
    assert righted.mended == ("dense",)
    assert righted.agreement == 1
    crowd = choice(ALL)
    assert dense.put_right(crowd, answers_with(ALL), THRESHOLDS) is crowd


@pytest.mark.parametrize("name", ["part", "hole", "swollen", "shifted"])
def test_other_damages_of_a_crowd_are_not_taken_for_the_background(name):
    mask = damaged(
        name, {"part": 0.4, "hole": 0.4, "swollen": 0.1, "shifted": 0.15}[name], ALL, [], np.random.default_rng(0)
    ).mask
    found = choice(mask)
    assert dense.put_right(found, answers_with(mask), THRESHOLDS) is found


def test_pieces_are_counted_without_what_is_thin():
    joined = disc(30, 20, 9) | disc(30, 55, 9)
    joined[30, 20:55] = True
    assert dense.pieces(joined, 2) == 2
    assert dense.pieces(np.zeros((HEIGHT, WIDTH), bool), 2) == 0
    assert dense.pieces(np.ones((HEIGHT, WIDTH), bool), 2) == 1


def test_votes_are_shares_of_all_confidence():
    votes_HW = dense.votes([answer(0, candidate(ALL, 0.2)), answer(1, candidate(CROWD[0], 0.9), candidate(ALL, 0.45))])
    assert votes_HW[9, 10] == pytest.approx(1)  # in the first thing, which all have
    assert votes_HW[30, 30] == pytest.approx((1 + 0.5) / 2.5)
    assert votes_HW[0, 0] == 0
    with pytest.raises(ValueError, match="nothing was found"):
        dense.votes([answer(0)])


def test_all_or_nothing_has_no_background():
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    assert not dense.is_background(everywhere, np.ones((HEIGHT, WIDTH)))
