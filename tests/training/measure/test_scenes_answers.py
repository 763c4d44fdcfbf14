"""What models and baselines answer on scenes, at small size: real pictures, real features, real training."""

import dataclasses
import json

import numpy as np
import pytest

from training.data.scenes.folds import FOLDS
from training.data.scenes.marks import MARKS
from training.learn.config import TrainConfig
from training.measure.answers import Cell
from training.measure.doubt import confidence_of, doubtful_marks, without_some
from training.measure.quality import compared, differences, marks_table, quality_table, table_rows
from training.measure.recipe import answers_of_recipe, recipe_of
from training.measure.scenes_answers import answers_of_checkpoint, answers_of_fold
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import MentionConfig, PooledLevels

pytestmark = pytest.mark.slow
QUICK = TrainConfig(steps=4, annotated=8, own=4, text_negatives=8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(small_scenes, runs):
    found = {}
    for fold in range(FOLDS):
        for cell, answers in answers_of_fold(small_scenes, small_scenes, fold, QUICK, runs):
            found.setdefault(cell, []).append(answers)
    return found


def test_every_question_is_asked_in_every_fold_and_answered_once(small_scenes, results, runs):
    assert {len(folds) for folds in results.values()} == {FOLDS}
    asked = results[Cell("model", "unseen", "other", "full", "all")]
    entities = np.concatenate([answers.entity_Q for answers in asked])
    assert len(np.unique(entities)) == 8, "each entity with another photograph is unseen in one fold"
    for fold, answers in enumerate(asked):
        assert set(answers.entity_Q) <= set(small_scenes.group(fold))
    rows = list(table_rows(results, small_scenes.imagenet_rows))
    json.dumps(rows)
    settings = ("method", "split", "photo", "record", "imagenet", "candidates", "mark")
    assert len({tuple(row.get(name) for name in settings) for row in rows}) == len(rows)
    assert all(row["r1"] <= row["r5"] <= row["r10"] <= row["r100"] <= 100 for row in rows)
    image = next(row for row in rows if row["method"] == "image" and row["photo"] == "own" and row["split"] == "unseen")
    assert image["r10"] > 50, "a frozen tower finds the very photograph"
    assert quality_table([row for row in rows if "mark" not in row]).row_count > 10
    marked = [row for row in rows if "mark" in row]
    assert {row["mark"] for row in marked} == set(MARKS)
    assert {row["n"] for row in marked if row["imagenet"] == "all"} == {len(asked_on_places(results))}
    assert marks_table(marked).row_count == 4 * len(MARKS)
    assert len(list(differences(results))) == 3
    assert sorted(path.name.rpartition("-")[0] for path in runs.iterdir()) == sorted(
        f"fold-{fold}{kind}" for fold in range(FOLDS) for kind in ("", "-text-only")
    )


def asked_on_places(results):
    return np.concatenate([found.entity_Q for found in results[Cell("model", "unseen", "other", mark="true")]])


def test_doubt_is_about_every_kind_of_mark_and_the_same_entities(results):
    marked = doubtful_marks(results)
    assert [*marked] == [*MARKS]
    for mark, folds in marked.items():
        for fold, answers in zip(folds, results[Cell("model", "unseen", "other", mark=mark)], strict=True):
            assert np.array_equal(fold.entity_Q, answers.entity_Q)
    absent = [{*fold.entity_Q[fold.absent_Q]} for folds in marked.values() for fold in folds[:1]]
    assert all(entities == absent[0] for entities in absent), "absent is absent, however it is marked"


def test_untrained_is_what_training_starts_from(small_scenes, results):
    cells = {cell for cell in results if cell.method == "untrained"}
    assert bool(cells) == (small_scenes.model.preset.space is not None)
    assert {dataclasses.replace(cell, method="model") for cell in cells} <= {*results}


def test_a_second_evaluation_trains_nothing_again(small_scenes, results, runs):
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("state.pt")}
    again = dict(answers_of_fold(small_scenes, small_scenes, 0, QUICK, runs))
    assert before == {path: path.stat().st_mtime_ns for path in runs.rglob("state.pt")}
    assert all(np.array_equal(results[cell][0].rank_Q, again[cell].rank_Q) for cell in again)


def test_a_run_on_another_set_is_not_taken_for_one_on_this(small_scenes):
    whole, other = (small_scenes.training_set(fold) for fold in (0, 1))
    assert whole.fingerprint() == small_scenes.training_set(0).fingerprint()
    fewer = dataclasses.replace(whole, record_Q=whole.record_Q[1:])
    hidden = small_scenes.training_set(0, hide_pictures=True)
    assert len({each.fingerprint() for each in (whole, other, fewer, hidden)}) == 4


def test_another_checkpoint_s_recipe_is_trained_on_the_same_folds(small_scenes, results, runs, tmp_path):
    preset = small_scenes.model.preset
    other = dataclasses.replace(preset, mention=MentionConfig(margin=0.25))
    model = small_scenes.with_preset(other).model
    model.save(tmp_path, made_by={"config": dataclasses.asdict(QUICK)})
    assert recipe_of(tmp_path) == (other, QUICK)

    same = answers_of_recipe(small_scenes, small_scenes, preset, QUICK, runs)
    assert all(" [+0.0, +0.0]" in line for line in compared(results, same))
    found = answers_of_recipe(small_scenes, small_scenes, *recipe_of(tmp_path), runs)
    assert len(list(compared(results, found))) == len(results)
    scores, others = (a[Cell("model", "unseen", "other")][0].scores_QK for a in (results, found))
    assert not np.array_equal(scores, others), "a picture cut another way has another vector"

    model.save(tmp_path, made_by={})
    with pytest.raises(WikiClipError, match="does not say"):
        recipe_of(tmp_path)


def test_a_recipe_for_another_tower_is_compared_by_what_both_have(small_scenes, results, runs, vision_backbone):
    vision = dataclasses.replace(vision_backbone("timm-cnn"), levels=PooledLevels(stages=(1, 3)))
    preset = dataclasses.replace(small_scenes.model.preset, vision=vision)
    found = answers_of_recipe(small_scenes, small_scenes, preset, QUICK, runs)
    assert {cell.method for cell in found} - {cell.method for cell in results} == {"levels"}
    assert len(list(compared(found, results))) == len(results)


def test_a_checkpoint_that_was_trained_on_everything_has_seen_everything(small_scenes):
    cells = [cell for cell, _ in answers_of_checkpoint(small_scenes, None)]
    assert {cell.split for cell in cells} == {"seen"}
    results = {cell: [answers] for cell, answers in answers_of_checkpoint(small_scenes, None)}
    lines = list(compared(results, results))
    assert len(lines) == len(cells)
    assert all("+0.0 [+0.0, +0.0]" in line for line in lines)
    with pytest.raises(WikiClipError, match="not asked the same"):
        list(compared(results, dict(list(results.items())[:-1])))


def test_a_confidence_is_fitted_or_its_lack_is_named(results):
    doubtful = without_some(results[Cell("model", "unseen", "other", "full", "labelled")])
    if any(fold.right_Q.any() for fold in doubtful):
        assert confidence_of(doubtful).candidates == 10
    else:
        with pytest.raises(WikiClipError, match="are right"):
            confidence_of(doubtful)
