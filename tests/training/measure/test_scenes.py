"""Everything that is measured on scenes, at small size: real pictures, real features, real training."""

import dataclasses
import json

import numpy as np
import pytest

from training.data.scenes.folds import FOLDS, in_training
from training.experiments import ablate, choose
from training.learn.config import TrainConfig
from training.measure.answers import Cell
from training.measure.doubt import confidence_of, without_some
from training.measure.frozen import FORMS, best_form, frozen_ranks, in_form
from training.measure.quality import compared, differences, quality_table, table_rows
from training.measure.recipe import answers_of_recipe, recipe_of
from training.measure.scenes_answers import answers_of_checkpoint, answers_of_fold
from training.report.examples import examples, scene_queries
from training.report.page import write_report
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
    settings = ("method", "split", "photo", "record", "imagenet", "candidates")
    assert len({tuple(row[name] for name in settings) for row in rows}) == len(rows)
    assert all(row["r1"] <= row["r5"] <= row["r10"] <= row["r100"] <= 100 for row in rows)
    image = next(row for row in rows if row["method"] == "image" and row["photo"] == "own" and row["split"] == "unseen")
    assert image["r10"] > 50, "a frozen tower finds the very photograph"
    assert quality_table(rows).row_count > 10
    assert len(list(differences(results))) == 3
    assert sorted(path.name for path in runs.glob("*/*")) == sorted(
        f"fold-{fold}{kind}" for fold in range(FOLDS) for kind in ("", "-text-only")
    )


def test_a_second_evaluation_trains_nothing_again(small_scenes, results, runs):
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("state.pt")}
    again = dict(answers_of_fold(small_scenes, small_scenes, 0, QUICK, runs))
    assert before == {path: path.stat().st_mtime_ns for path in runs.rglob("state.pt")}
    assert all(np.array_equal(results[cell][0].rank_Q, again[cell].rank_Q) for cell in again)


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


def test_a_fold_sees_nothing_of_its_unseen_entities_but_their_records(small_scenes):
    for fold in range(FOLDS):
        unseen = set(small_scenes.group(fold))
        training_set = small_scenes.training_set(fold)
        assert not unseen & set(training_set.record_Q)
        assert unseen <= set(training_set.own)
        assert not unseen & set(small_scenes.training_set(fold, hide_pictures=True).own)
        tested = {stamp.path for pool in small_scenes.pools if not in_training(pool, fold) for stamp in pool.stamps}
        trained = [pool for pool in small_scenes.pools if in_training(pool, fold)]
        for pool in trained:
            assert not tested & set(small_scenes.scenes(pool, test=False).stamps), "not as a distractor either"


def test_the_best_form_is_best_among_all(small_scenes, monkeypatch):
    monkeypatch.setattr("training.measure.frozen.CONTENDERS", FORMS[1:4])
    pools = [pool for pool in small_scenes.pools if pool.photo == "other"]
    shares = [np.mean(frozen_ranks(in_form(small_scenes, form), pools)[0] == 0) for form in FORMS[1:4]]
    assert best_form(small_scenes) == FORMS[1:4][int(np.argmax(shares))]


@pytest.mark.parametrize("variation", ablate.ROWS, ids=lambda variation: variation.name)
def test_every_row_of_the_ablation_can_be_run(small_scenes, variation):
    config = TrainConfig(**{"steps": 2, "annotated": 8, "own": 4, "text_negatives": 8, **variation.config})
    row = ablate.measure(small_scenes, variation, config)
    assert set(row) == {"minutes", *(f"{name} {k}" for name in ablate.MEASURES.values() for k in (1, 10))}
    assert all(0 <= row[f"{name} 1"] <= row[f"{name} 10"] <= 100 for name in ablate.MEASURES.values())


def test_what_is_switched_off_is_not_seen(small_scenes):
    records = small_scenes.records
    rows = np.array([0, 1, 30])
    only_texts = ablate.Limited(records, pictures=False, texts=True).items(rows, rows)
    only_pictures = ablate.Limited(records, pictures=True, texts=False).items(rows, rows)
    assert not only_texts.has_picture_B.any()
    assert not only_texts.padding_BL.all(dim=1).any()
    assert only_pictures.padding_BL.all()
    assert only_pictures.has_picture_B.tolist() == [True, True, False]


def test_a_run_of_the_choice_scores_all_three_questions(small_scenes):
    row = choose._measure(small_scenes, QUICK)
    assert set(row) == {f"r{k}{asked}" for k in (1, 5, 10, 100) for asked in choose.ASKED}


def test_the_report_shows_what_the_model_answers(small_scenes, tmp_path):
    shown = list(examples(small_scenes.model, small_scenes.records, scene_queries(small_scenes, 1)))
    unseen = {small_scenes.records.entities[int(row)].entity_id for row in small_scenes.group(1)}
    assert {example.truth.entity_id for example in shown} <= unseen
    assert all(example.truth.picture is not None for example in shown)
    for example in shown:
        scores = [score for _, score in example.candidates]
        assert len(scores) == 5
        assert scores == sorted(scores, reverse=True)
        assert example.mask.any()
    results = {cell: [answers] for cell, answers in answers_of_checkpoint(small_scenes, 1)}
    rows = list(table_rows(results, small_scenes.imagenet_rows))
    assert {row["split"] for row in rows} == {"seen", "unseen"}
    write_report(tmp_path / "report.html", title="t", settings={}, metrics=[], rows=rows, examples=shown)
    assert (tmp_path / "report.html").read_text().count("<figure") > len(shown)


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
