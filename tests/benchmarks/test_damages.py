"""The damages are what their names say, and stronger where they say so."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.filtering.damages import GRID, damaged
from training.annotate.overlap import box_of, covered, iou

HEIGHT, WIDTH = 90, 120


def disc(row, column, radius):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


TRUTH, OTHERS = disc(40, 30, 16), [disc(40, 70, 12), disc(70, 100, 9), disc(20, 100, 10)]
CASES = [(name, strength) for name, (_, strengths) in GRID.items() for strength in strengths]


def make(name, strength, others=OTHERS, seed=0):
    return damaged(name, strength, TRUTH, others, np.random.default_rng(seed))


@pytest.mark.parametrize(("name", "strength"), CASES)
def test_a_damage_is_a_mask_in_its_box_and_the_same_for_the_same_seed(name, strength):
    one, again = make(name, strength), make(name, strength)
    assert one.mask.shape == TRUTH.shape
    assert one.mask.dtype == np.bool_
    assert one.mask.any()
    assert covered(one.mask, one.box) == 1
    np.testing.assert_array_equal(one.mask, again.mask)
    assert iou(TRUTH, disc(40, 30, 16)) == 1  # the truth itself is not touched


@pytest.mark.parametrize("name", GRID)
def test_a_stronger_damage_leaves_less(name):
    _, strengths = GRID[name]
    overlaps = [
        np.mean([iou(make(name, strength, seed=seed).mask, TRUTH) for seed in range(5)]) for strength in strengths
    ]
    assert all(weaker > stronger or weaker == stronger == 0 for weaker, stronger in pairwise(overlaps))


@pytest.mark.parametrize("name", ["several", "between", "over neighbour", "wrong thing"])
def test_where_a_thing_is_alone_some_damages_cannot_be(name):
    assert make(name, GRID[name][1][-1], others=[]) is None


def test_what_lies_between_has_nothing_of_the_things():
    between = make("between", 2)
    assert not (between.mask & (TRUTH | OTHERS[0])).any()
    assert between.box.left <= box_of(TRUTH).right


def test_a_part_and_a_hole_are_within_the_thing():
    for name in ("part", "hole"):
        for strength in GRID[name][1]:
            assert not (make(name, strength).mask & ~TRUTH).any()


def test_a_part_is_as_large_as_it_says():
    for strength in GRID["part"][1]:
        assert make("part", strength).mask.sum() / TRUTH.sum() == pytest.approx(strength, abs=0.05)
