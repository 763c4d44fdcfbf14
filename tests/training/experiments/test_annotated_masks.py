"""What annotated masks teach, at small size."""

import dataclasses

import numpy as np
import pytest

from training.data.scenes import dataset
from training.data.scenes.folds import DEVELOPMENT_FOLD, in_training
from training.experiments import annotated_masks
from training.experiments.annotated_masks import MASKS, MEASURES, Mentions, table
from training.learn.config import TrainConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mentions(small_scenes) -> Mentions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "PLACE_SCENES", {"own": 1, "other": 1})
        patch.setattr(annotated_masks, "SEGMENTERS", ("patches",))
        return annotated_masks.training_mentions(small_scenes, DEVELOPMENT_FOLD)


def test_every_mention_of_the_fold_s_scenes_has_each_kind_of_mask(small_scenes, mentions):
    allowed = {
        small_scenes.records.row_of(stamp.entity_id)
        for pool in small_scenes.pools
        if in_training(pool, DEVELOPMENT_FOLD)
        for stamp in pool.stamps
    }
    assert set(mentions.record_Q.tolist()) == allowed
    assert {len(pooled) for pooled in mentions.pooled.values()} == {len(mentions.record_Q)}
    assert mentions.found_Q.any()
    assert not (mentions.kept_Q & ~mentions.found_Q).any()
    found = mentions.pooled["annotated"].numpy()
    np.testing.assert_array_equal(found.any(axis=1), mentions.found_Q)
    assert (mentions.iou_Q[~mentions.found_Q] == 0).all()
    assert 0 < mentions.iou_Q.max() <= 1


@pytest.mark.parametrize("masks", MASKS)
def test_each_kind_of_mask_can_be_trained_on(small_scenes, mentions, masks, monkeypatch):
    monkeypatch.setattr(dataset, "PLACE_SCENES", {"own": 1, "other": 1})
    every = dataclasses.replace(
        mentions, kept_Q=mentions.found_Q
    )  # what a model at random weights is sure of is chance
    config = TrainConfig(steps=2, annotated=4, own=4, text_negatives=8)
    row = annotated_masks.measure(small_scenes, every, masks, config)
    assert set(row) == {f"{measured} {k}" for measured in MEASURES for k in (1, 10)}
    assert all(0 <= row[f"{measured} 1"] <= row[f"{measured} 10"] <= 100 for measured in MEASURES)


def test_the_gap_is_what_true_masks_have_more_than_none():
    figures = {"true": 60.0, "annotated": 50.0, "annotated, unfiltered": 45.0, "none": 20.0}
    runs = {
        masks: [{f"{measured} {k}": value + turn for measured in MEASURES for k in (1, 10)} for turn in (-1, 1)]
        for masks, value in figures.items()
    }
    closed = {line[0]: line[-1] for line in table(runs)[1:]}
    assert closed["annotated"] == "75%, 75%"
    assert closed["annotated, unfiltered"] == "62%, 62%"
    assert closed["true"] == closed["none"] == "-, -"


def test_a_gap_within_the_spread_is_none():
    runs = {
        masks: [{f"{measured} {k}": 40.0 + turn for measured in MEASURES for k in (1, 10)} for turn in (-1, 1)]
        for masks in MASKS
    }
    assert {line[-1] for line in table(runs)[1:]} == {"-, -"}
    runs["true"] = [{name: value + 1 for name, value in row.items()} for row in runs["true"]]
    assert {line[-1] for line in table(runs)[1:]} == {"-, -"}
