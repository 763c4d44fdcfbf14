"""The confidence that the service computes: its features, its formula, and back and forth through JSON."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wikiclip.base.errors import WikiClipError
from wikiclip.confidence import Confidence, features

CONFIDENCE = Confidence(weights=(8.0, 12.5, -3.0), bias=-4.25, candidates=4)
cosines = st.floats(-1, 1, width=32)
scores = arrays.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=cosines).map(
    lambda scores_QK: -np.sort(-scores_QK, axis=1)
)


@settings(deadline=None, max_examples=40)
@given(scores)
def test_the_formula_is_the_obvious_one(scores_QK):
    for row, probability in zip(scores_QK.tolist(), CONFIDENCE(scores_QK), strict=True):
        best, second = row[0], row[1]
        others = (row[1] + row[2] + row[3]) / 3
        odds = 8.0 * best + 12.5 * (best - second) - 3.0 * (best - others) - 4.25
        assert probability == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(scores, st.floats(-0.5, 0.5))
def test_only_the_best_score_tells_that_all_scores_are_higher(scores_QK, shift):
    plain_QF, shifted_QF = features(scores_QK), features(scores_QK.astype(np.float64) + shift)
    np.testing.assert_allclose(shifted_QF[:, 0], plain_QF[:, 0] + shift, atol=1e-12)
    np.testing.assert_allclose(shifted_QF[:, 1:], plain_QF[:, 1:], atol=1e-12)


def test_two_candidates_are_enough():
    np.testing.assert_allclose(features(np.array([[0.5, 0.25]])), [[0.5, 0.25, 0.25]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("bias", "probability"), [(1e6, 1), (-1e6, 0)])
def test_extreme_odds_do_not_overflow(bias, probability):
    sure = Confidence(weights=(0.0, 0.0, 0.0), bias=bias, candidates=2)
    assert sure(np.array([[0.3, 0.2]], dtype=np.float32)).tolist() == [probability]


@pytest.mark.parametrize("shape", [(3, 3), (3, 5), (3, 1), (3, 0), (4,), (1, 2, 4)])
def test_another_number_of_candidates_is_refused(shape):
    with pytest.raises(ValueError, match="scores"):
        CONFIDENCE(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize("score", [np.nan, -np.inf])
def test_a_score_that_is_not_finite_is_refused(score):
    """A search pads with -inf where an index holds fewer entities than were asked for."""
    with pytest.raises(ValueError, match="not finite"):
        CONFIDENCE(np.array([[0.5, 0.4, 0.3, score]], dtype=np.float32))


def test_json_and_back():
    again = Confidence.from_json(json.loads(json.dumps(CONFIDENCE.to_json())))
    assert again == CONFIDENCE
    assert hash(again) == hash(CONFIDENCE)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.clear(),
        lambda values: values.pop("weights"),
        lambda values: values.pop("bias"),
        lambda values: values.pop("candidates"),
        lambda values: values.update(temperature=1.0),
        lambda values: values.update(bias=math.nan),
        lambda values: values.update(bias=-math.inf),
        lambda values: values.update(bias=10**400),
        lambda values: values.update(bias="0"),
        lambda values: values.update(bias=True),
        lambda values: values.update(bias=None),
        lambda values: values.update(weights=[1.0, 2.0]),
        lambda values: values.update(weights=[1.0, 2.0, 3.0, 4.0]),
        lambda values: values.update(weights=[1.0, 2.0, math.nan]),
        lambda values: values.update(weights="123"),
        lambda values: values.update(candidates=1),
        lambda values: values.update(candidates=4.0),
    ],
)
def test_what_does_not_describe_a_confidence_is_refused(change: Callable[[dict[str, Any]], None]):
    values = json.loads(json.dumps(CONFIDENCE.to_json()))
    change(values)
    with pytest.raises(WikiClipError, match="does not describe a confidence") as error:
        Confidence.from_json(values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("values", [None, [], 3, "confidence"])
def test_what_is_not_an_object_is_refused(values):
    with pytest.raises(WikiClipError, match="does not describe a confidence"):
        Confidence.from_json(values)


def test_the_server_needs_no_scikit_learn():
    code = "import sys, wikiclip.confidence; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
