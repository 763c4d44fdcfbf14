import numpy as np
import pytest

from training.measure.ranking import NOT_FOUND, bootstrap, harmonic_mean, within


def test_a_missing_answer_is_never_within():
    assert within(np.array([0, 9, 10, NOT_FOUND]), 10).tolist() == [1, 1, 0, 0]


def test_the_interval_is_over_entities_not_queries():
    """Many queries of few entities say little: repeating each query must not make the interval narrower."""
    rng = np.random.default_rng(0)
    entity = np.arange(20)
    values = rng.integers(0, 2, 20).astype(float)
    once, often = bootstrap(values, entity), bootstrap(np.repeat(values, 50), np.repeat(entity, 50))
    assert often.mean == pytest.approx(once.mean)
    assert often.high - often.low == pytest.approx(once.high - once.low, abs=1e-9)


def test_the_interval_agrees_with_theory():
    """With one query an entity, the bootstrap of a mean of 0 and 1 is close to p plus or minus 1.96 sigma."""
    values = (np.arange(400) < 120).astype(float)
    interval = bootstrap(values, np.arange(400))
    spread = 196 * (0.3 * 0.7 / 400) ** 0.5
    assert interval.mean == pytest.approx(30)
    assert interval.low == pytest.approx(30 - spread, abs=0.8)
    assert interval.high == pytest.approx(30 + spread, abs=0.8)


@pytest.mark.parametrize(("seen", "unseen", "mean"), [(36.8, 27.0, 31.1), (0, 0, 0), (50, 0, 0)])
def test_harmonic_mean(seen, unseen, mean):
    assert harmonic_mean(seen, unseen) == pytest.approx(mean, abs=0.06)  # the first row is WikiCLIP-S's
