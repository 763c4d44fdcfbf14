"""The risk-coverage curve against an obvious loop, with ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.measure.coverage import risk_coverage

answers = st.lists(st.tuples(st.integers(-3, 6), st.booleans()), min_size=1, max_size=30)


def curve(rows):
    confidences, right = zip(*rows, strict=True)
    return risk_coverage(np.array(confidences, dtype=np.float64), np.array(right))


def slow_curve(rows):
    """(coverage, risk) at each threshold, from the highest."""
    steps = []
    for threshold in sorted({confidence for confidence, _ in rows}, reverse=True):
        given = [right for confidence, right in rows if confidence >= threshold]
        steps.append((len(given) / len(rows), given.count(False) / len(given)))
    return steps


def slow_aurc(rows):
    """The mean, over how many answers are wanted, of the risk at the first step that gives as many."""
    risks = [
        next(risk for coverage, risk in slow_curve(rows) if round(coverage * len(rows)) >= wanted)
        for wanted in range(1, len(rows) + 1)
    ]
    return sum(risks) / len(risks)


def oracle(rows):
    """The same answers, each right one surer than each wrong one and no two alike."""
    return [(len(rows) - place, right) for place, (_, right) in enumerate(sorted(rows, key=lambda row: not row[1]))]


@settings(deadline=None, max_examples=60)
@given(answers)
def test_steps_agree_with_the_loop(rows):
    found = curve(rows)
    assert list(zip(found.coverage.tolist(), found.risk.tolist(), strict=True)) == slow_curve(rows)


@settings(deadline=None, max_examples=60)
@given(answers)
def test_areas_agree_with_the_loop(rows):
    found = curve(rows)
    assert found.aurc == pytest.approx(slow_aurc(rows))
    assert found.excess_aurc == pytest.approx(slow_aurc(rows) - slow_aurc(oracle(rows)), abs=1e-12)
    assert found.excess_aurc >= -1e-12


@settings(deadline=None, max_examples=60)
@given(answers, st.sampled_from([0, 0.1, 0.2, 0.25, 0.5, 1]))
def test_coverage_at_a_risk_agrees_with_the_loop(rows, risk):
    assert curve(rows).coverage_at(risk) == max([c for c, r in slow_curve(rows) if r <= risk], default=0)


@settings(deadline=None, max_examples=60)
@given(answers, st.lists(st.floats(allow_nan=False), min_size=10, max_size=10, unique=True).map(sorted))
def test_only_the_order_of_confidence_matters(rows, values):
    """Infinite confidences are confidences too."""
    plain, mapped = curve(rows), curve([(values[confidence + 3], right) for confidence, right in rows])
    np.testing.assert_array_equal(plain.answered_S, mapped.answered_S)
    np.testing.assert_array_equal(plain.wrong_S, mapped.wrong_S)


@settings(deadline=None, max_examples=60)
@given(answers, st.randoms(use_true_random=False))
def test_the_order_of_the_queries_does_not_matter(rows, random):
    plain = curve(rows)
    random.shuffle(rows)
    np.testing.assert_array_equal(plain.wrong_S, curve(rows).wrong_S)


@settings(deadline=None, max_examples=60)
@given(answers, st.integers(2, 4))
def test_repeating_every_query_changes_neither_curve_nor_area(rows, times):
    once, often = curve(rows), curve(rows * times)
    np.testing.assert_allclose(once.risk, often.risk)
    np.testing.assert_allclose(once.coverage, often.coverage)
    assert once.aurc == pytest.approx(often.aurc)


@settings(deadline=None, max_examples=60)
@given(answers)
def test_the_oracle_has_no_excess(rows):
    assert curve(oracle(rows)).excess_aurc == pytest.approx(0, abs=1e-12)


def test_equally_sure_answers_have_the_overall_risk():
    found = curve([(0.5, True), (0.5, False), (0.5, True), (0.5, True)])
    assert (found.coverage.tolist(), found.risk.tolist(), found.aurc) == ([1], [0.25], 0.25)


def test_the_coverage_may_lie_beyond_a_worse_one():
    found = curve([(9, False), (8, True), (7, True), (6, True), (5, False)])
    assert found.risk.tolist() == [1, 1 / 2, 1 / 3, 1 / 4, 2 / 5]
    assert [found.coverage_at(risk) for risk in (0.2, 0.25, 0.3, 0.4)] == [0, 0.8, 0.8, 1]


def test_a_textbook_area():
    """Right, wrong, right, wrong from the surest: risks 0, 1/2, 1/3, 1/2; the oracle's 0, 0, 1/3, 1/2."""
    found = curve([(4, True), (3, False), (2, True), (1, False)])
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.excess_aurc == pytest.approx(1 / 8)


@pytest.mark.parametrize("confidences", [[], [0.5, np.nan]])
def test_what_has_no_order_is_refused(confidences):
    with pytest.raises(ValueError, match="no answers, or a confidence that is NaN"):
        risk_coverage(np.array(confidences), np.ones(len(confidences), dtype=bool))
