"""Confidence on answers that the test makes up: known things score high, and others do not."""

import json

import numpy as np
import pytest

from training.measure.answers import SCORES, RankedAnswers
from training.measure.doubt import (
    FEWEST_SURE,
    Doubt,
    confidence_of,
    doubt,
    doubt_lines,
    doubt_row,
    sure_from,
    without_some,
)
from training.measure.ranking import NOT_FOUND


def folds(*, gap, count=4, queries=200):
    """Where the right entity is in the index, it leads by `gap`."""
    made = []
    for fold in range(count):
        rng = np.random.default_rng(fold)
        others = np.sort(rng.normal(0.3, 0.05, (queries, SCORES)).astype(np.float32), axis=1)[:, ::-1]
        scores = others.copy()
        right = rng.random(queries) < 0.8
        scores[right, 0] = others[right, 0] + gap
        entity = np.arange(queries) % 20 + 100 * fold
        made.append(RankedAnswers(np.where(right, 0, NOT_FOUND), entity, scores, others.copy()))
    return made


def test_half_of_the_entities_are_taken_out_and_none_of_theirs_is_right():
    doubtful = without_some(folds(gap=0.3))
    entities = np.concatenate([fold.entity_Q for fold in doubtful])
    absent = np.concatenate([fold.absent_Q for fold in doubtful])
    assert len(np.unique(entities[absent])) == len(np.unique(entities)) / 2
    assert not set(entities[absent]) & set(entities[~absent])
    for fold, answers in zip(doubtful, folds(gap=0.3), strict=True):
        assert not fold.right_Q[fold.absent_Q].any()
        assert np.array_equal(fold.scores_QK[fold.absent_Q], answers.absent_QK[fold.absent_Q])
        assert np.array_equal(fold.right_Q[~fold.absent_Q], answers.rank_Q[~fold.absent_Q] == 0)


def test_another_share_may_be_taken_out():
    doubtful = without_some(folds(gap=0.3), share=0.1)
    entities = np.concatenate([fold.entity_Q for fold in doubtful])
    absent = np.concatenate([fold.absent_Q for fold in doubtful])
    assert len(np.unique(entities[absent])) == len(np.unique(entities)) / 10


def test_sure_is_from_where_on_nearly_all_are_right():
    rng = np.random.default_rng(0)
    probability = rng.random(2000)
    right = rng.random(2000) < np.clip(probability * 2, 0, 1)  # from 0.5 on all are
    found = Doubt(probability, right, np.zeros(2000, bool))
    threshold = sure_from(found)
    assert threshold is not None
    told = probability >= threshold
    assert right[told].mean() >= 0.95
    assert right[probability >= threshold - 0.01].mean() < 0.95
    assert sure_from(found, right=1.0) == pytest.approx(0.5, abs=0.06)
    few = np.argsort(probability)[-FEWEST_SURE + 1 :]
    assert sure_from(Doubt(probability[few], right[few], found.absent_Q[few])) is None
    assert sure_from(Doubt(probability, np.zeros(2000, bool), found.absent_Q)) is None


def test_what_can_be_told_is_told():
    clear, blurred = doubt(without_some(folds(gap=0.5))), doubt(without_some(folds(gap=0.02)))
    assert clear.curve.excess_aurc < 0.01 < blurred.curve.excess_aurc
    assert clear.curve.coverage_at(0.1) > 0.35
    row = doubt_row(clear)
    assert row["aurc"] == round(clear.curve.aurc, 4)
    assert row["coverage"]["0.3"] >= row["coverage"]["0.1"]
    json.dumps(row)
    lines = list(doubt_lines(clear))
    assert "half of the entities" in lines[0]
    assert "100% of pairs" in lines[-1] or "9" in lines[-1]


def test_the_confidence_that_is_kept_is_fitted_on_every_fold():
    doubtful = without_some(folds(gap=0.3))
    kept = confidence_of(doubtful)
    assert kept.candidates == SCORES
    sure = kept(folds(gap=0.3)[0].scores_QK)
    assert sure[folds(gap=0.3)[0].rank_Q == 0].mean() > sure[folds(gap=0.3)[0].rank_Q != 0].mean() + 0.3
    with pytest.raises(ValueError, match="scores"):
        kept(np.zeros((1, SCORES + 1), np.float32))
