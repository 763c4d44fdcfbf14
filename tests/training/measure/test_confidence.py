"""Fitting a confidence, and measuring whether it can be believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.measure.confidence import brier, ece, even_weights, fit_confidence
from wikiclip.base.errors import WikiClipError
from wikiclip.confidence import Confidence, features

TRUTH = Confidence(weights=(10.0, 25.0, 5.0), bias=-6.0, candidates=10)


def answers(count: int, *, seed: int = 0, candidates: int = 10):
    """Descending cosines and outcomes that `TRUTH` draws, which needs 10 candidates."""
    rng = np.random.default_rng(seed)
    scores_QK = -np.sort(-rng.normal(rng.uniform(0.2, 0.4, (count, 1)), 0.1, (count, candidates)), axis=1)
    scores_QK = scores_QK.clip(-1, 1).astype(np.float32)
    chance_Q = TRUTH(scores_QK) if candidates == 10 else np.full(count, 0.5)
    return scores_QK, rng.random(count) < chance_Q


def test_it_says_what_scikit_learn_says():
    scores_QK, right_Q = answers(500)
    features_QF = features(scores_QK)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(features_QF, right_Q)
    expected_Q = pipeline.predict_proba(features_QF)[:, 1]
    np.testing.assert_allclose(fit_confidence(scores_QK, right_Q)(scores_QK), expected_Q, atol=1e-12)


def test_it_recovers_the_chances_that_drew_the_answers():
    confidence = fit_confidence(*answers(20_000))
    scores_QK, right_Q = answers(20_000, seed=1)
    probability_Q = confidence(scores_QK)
    assert np.abs(probability_Q - TRUTH(scores_QK)).mean() < 0.02
    assert ece(probability_Q, right_Q) < 0.02
    assert brier(probability_Q, right_Q) < brier(np.full(len(right_Q), right_Q.mean()), right_Q) - 0.01
    assert confidence.candidates == 10


def test_answers_without_their_entity_in_the_index_lower_it():
    scores_QK, right_Q = answers(2000)
    absent_Q = np.arange(len(right_Q)) % 2 == 0
    without = fit_confidence(scores_QK, right_Q & ~absent_Q)
    assert (without(scores_QK).mean()) < fit_confidence(scores_QK, right_Q)(scores_QK).mean() - 0.1


def test_a_weight_of_two_counts_as_two_answers():
    scores_QK, right_Q = answers(300)
    times_Q = np.random.default_rng(3).integers(1, 4, len(right_Q))
    weighted = fit_confidence(scores_QK, right_Q, weight_Q=times_Q.astype(np.float64))
    repeated = fit_confidence(np.repeat(scores_QK, times_Q, axis=0), np.repeat(right_Q, times_Q))
    np.testing.assert_allclose(weighted(scores_QK), repeated(scores_QK), atol=1e-4)


def test_even_weights_make_entities_count_alike():
    entity_Q = np.array([7, 3, 7, 7, -1, 3])
    weight_Q = even_weights(entity_Q)
    for entity in (-1, 3, 7):
        assert weight_Q[entity_Q == entity].sum() == pytest.approx(1)


@pytest.mark.filterwarnings("error")
def test_two_candidates_and_answers_told_apart_perfectly_still_give_finite_numbers():
    scores_QK, _ = answers(200, candidates=2)
    lead_Q = scores_QK[:, 0] - scores_QK[:, 1]
    confidence = fit_confidence(scores_QK, lead_Q > np.median(lead_Q))
    assert Confidence.from_json(confidence.to_json()) == confidence
    probability_Q = confidence(scores_QK)
    assert probability_Q[lead_Q.argmax()] > 0.9
    assert probability_Q[lead_Q.argmin()] < 0.1


@pytest.mark.filterwarnings("error")
def test_scores_that_tell_nothing_give_the_share_of_right_answers():
    confidence = fit_confidence(np.full((40, 5), 0.5), np.arange(40) < 10)
    assert confidence(np.full((1, 5), 0.5))[0] == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize(("right", "count"), [(True, 5), (False, 5), (True, 0)])
def test_answers_of_one_kind_are_refused(right, count):
    with pytest.raises(WikiClipError, match=f"Of {count} answers {count * right} are right"):
        fit_confidence(np.zeros((count, 3)), np.full(count, right))


def slow_ece(probabilities, outcomes, bins):
    """Each answer's rightness is the mean over all that are as probable; bins are cut as evenly as they can be."""
    pairs = []
    for probability in sorted(probabilities):
        alike = [right for p, right in zip(probabilities, outcomes, strict=True) if p == probability]
        pairs.append((probability, sum(alike) / len(alike)))
    total, start = 0.0, 0
    for number in range(bins):
        size = len(pairs) // bins + (number < len(pairs) % bins)
        part, start = pairs[start : start + size], start + size
        if part:
            gap = sum(p for p, _ in part) / size - sum(right for _, right in part) / size
            total += abs(gap) * size / len(pairs)
    return total


answered = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None, max_examples=40)
@given(answered, st.integers(1, 12), st.randoms(use_true_random=False))
def test_ece_agrees_with_the_slow_one_in_any_order(rows, bins, random):
    probabilities, outcomes = map(list, zip(*rows, strict=True))
    found = ece(np.array(probabilities), np.array(outcomes), bins=bins)
    assert found == pytest.approx(slow_ece(probabilities, outcomes, bins), abs=1e-12)
    random.shuffle(rows)
    shuffled = [np.array(column) for column in zip(*rows, strict=True)]
    assert ece(shuffled[0], shuffled[1], bins=bins) == pytest.approx(found, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(answered)
def test_brier_is_the_mean_squared_difference(rows):
    expected = sum((probability - right) ** 2 for probability, right in rows) / len(rows)
    probabilities, outcomes = (np.array(column) for column in zip(*rows, strict=True))
    assert brier(probabilities, outcomes) == pytest.approx(expected)


def test_ends_of_the_scales():
    right_Q = np.array([True, False, True, False])
    assert (ece(right_Q.astype(float), right_Q), brier(right_Q.astype(float), right_Q)) == (0, 0)
    assert (ece(1.0 - right_Q, right_Q), brier(1.0 - right_Q, right_Q)) == (1, 1)
    half_Q = np.full(4, 0.5)
    assert (ece(half_Q, right_Q), brier(half_Q, right_Q)) == (0, 0.25)
