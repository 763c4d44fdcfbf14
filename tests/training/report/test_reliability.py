"""Reliability diagrams of answers that the test makes up."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from training.measure.doubt import Doubt
from training.report.reliability import draw_reliability, reliability


def answers(count: int = 4000, *, too_sure: float = 0.0) -> Doubt:
    rng = np.random.default_rng(0)
    told_Q = rng.random(count)
    return Doubt(told_Q, rng.random(count) < told_Q * (1 - too_sure), np.zeros(count, np.bool_))


def test_what_is_told_as_it_is_lies_on_the_diagonal_and_what_is_not_below():
    honest, proud = answers(), answers(too_sure=0.5)
    told, right = reliability(honest.probability_Q, honest.right_Q)
    assert np.abs(told - right).max() < 0.06
    assert (np.diff(told) > 0).all()
    told, right = reliability(proud.probability_Q, proud.right_Q)
    np.testing.assert_allclose(right, told / 2, atol=0.06)


def test_fewer_answers_than_bins_are_bins_of_one():
    told, right = reliability(np.array([0.9, 0.2]), np.array([True, False]))
    assert (told.tolist(), right.tolist()) == ([0.2, 0.9], [0.0, 1.0])


def test_a_drawing_names_each_kind_with_its_error_and_is_the_same_again(tmp_path: Path):
    doubts = {
        "box": answers(),
        "click": answers(too_sure=0.5),
        "true": answers(),
        "brush": answers(),
        "holed": answers(),
    }
    for name in ("first.svg", "second.svg"):
        draw_reliability([*doubts.items()], tmp_path / name)
    text = (tmp_path / "first.svg").read_text()
    assert text == (tmp_path / "second.svg").read_text()
    said = [node.text for node in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert any(str(one).startswith("click: 0.2") for one in said)
    assert sum(str(one).startswith(tuple(doubts)) for one in said) == len(doubts)
