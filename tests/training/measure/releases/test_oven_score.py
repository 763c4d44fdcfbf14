"""OVEN's score with missing predictions counted."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from training.measure.releases.oven_score import Truth, oven_score, oven_table
from wikiclip.base.errors import WikiClipError


def published():
    """Annotations and predictions with the accuracies of BLIP-2 zero-shot on OVEN's validation set."""
    annotations, predictions = [], {}
    for task, split, right, asked in (
        ("entity", "seen", 171, 2_000),
        ("entity", "unseen", 17, 500),
        ("query", "seen", 2463, 10_000),
        ("query", "unseen", 442, 2_500),
    ):
        for number in range(asked):
            row = Truth(f"oven_{task}_val_{split}_{number}", f"Q{number}", split, task)
            annotations.append(row)
            predictions[row.data_id] = row.entity_id if number < right else "Q-1"
    return annotations, predictions


def test_the_published_numbers_come_out():
    score = oven_score(*published())
    assert (score.entity.seen.accuracy, score.entity.unseen.accuracy) == (8.55, 3.4)
    assert (score.query.seen.accuracy, score.query.unseen.accuracy) == (24.63, 17.68)
    # The final score is of the means before they are rounded: of 4.87 and 20.58 it would be 7.88.
    means = (score.entity.harmonic_mean, score.query.harmonic_mean, score.final)
    assert [round(mean, 2) for mean in means] == [4.87, 20.58, 7.87]
    assert (score.missing, score.unknown) == (0, 0)


def test_leaving_out_wrong_answers_does_not_help():
    annotations, predictions = published()
    right = {row.data_id: row.entity_id for row in annotations if predictions[row.data_id] == row.entity_id}
    whole, partly = oven_score(annotations, predictions), oven_score(annotations, right)
    assert partly.final == whole.final
    assert partly.missing == len(annotations) - len(right)
    assert partly.entity.unseen.missing == 500 - 17


def slow_score(rows, predictions):
    """Accuracy by (task, split), None where nothing was asked."""
    accuracies = {}
    for task in ("entity", "query"):
        for split in ("seen", "unseen"):
            hits = [predictions.get(r.data_id) == r.entity_id for r in rows if (r.task, r.split) == (task, split)]
            accuracies[task, split] = round(100 * sum(hits) / len(hits), 2) if hits else None
    return accuracies


entities = st.sampled_from(["Q1", "Q2", "q1"])
cells = st.tuples(st.sampled_from(["seen", "unseen"]), st.sampled_from(["entity", "query"]))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(entities, cells, st.none() | entities), max_size=60), st.integers(0, 3))
def test_the_score_agrees_with_the_slow_one(rows, strangers):
    annotations = [Truth(str(n), entity, *cell) for n, (entity, cell, _) in enumerate(rows)]
    predictions = {str(n): predicted for n, (_, _, predicted) in enumerate(rows) if predicted is not None}
    predictions |= {f"stranger {n}": "Q1" for n in range(strangers)}
    score, slow = oven_score(iter(annotations), predictions), slow_score(annotations, predictions)
    for task, found in (("entity", score.entity), ("query", score.query)):
        seen, unseen = slow[task, "seen"], slow[task, "unseen"]
        assert found.seen.accuracy == pytest.approx(seen)
        assert found.unseen.accuracy == pytest.approx(unseen)
        if seen is None or unseen is None:
            assert found.harmonic_mean is None
            assert score.final is None
        else:
            assert found.harmonic_mean == pytest.approx(2 / (1 / seen + 1 / unseen) if seen and unseen else 0)
    assert score.missing == sum(predicted is None for *_, predicted in rows)
    assert score.unknown == strangers


def published_scorer(rows, predictions):
    """The rules of the published scorer, written out: what is not predicted is not looked at."""

    def mean(first, second):
        return 2 / sum(1 / (value if value != 0 else 1e-12) for value in (first, second))

    means = []
    for task in ("entity", "query"):
        accuracies = []
        for split in ("seen", "unseen"):
            hits = [
                predictions[row.data_id] == row.entity_id
                for row in rows
                if (row.task, row.split) == (task, split) and row.data_id in predictions
            ]
            if not hits:
                return None
            accuracies.append(round(sum(hits) / len(hits) * 100, 2))
        means.append(mean(*accuracies))
    return mean(*means)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(entities, cells, st.none() | entities), max_size=60))
def test_the_published_figure_agrees_with_the_published_rules(rows):
    annotations = [Truth(str(n), entity, *cell) for n, (entity, cell, _) in enumerate(rows)]
    predictions = {str(n): predicted for n, (_, _, predicted) in enumerate(rows) if predicted is not None}
    assert oven_score(annotations, predictions).published == pytest.approx(published_scorer(annotations, predictions))


def test_leaving_out_wrong_answers_helps_with_the_published_scorer_alone():
    annotations, predictions = published()
    right = {row.data_id: row.entity_id for row in annotations if predictions[row.data_id] == row.entity_id}
    score = oven_score(annotations, right)
    assert (score.published, round(score.final, 2)) == (100, 7.87)


def test_overall_counts_every_mention_alike():
    annotations, predictions = published()
    assert oven_score(annotations, predictions).overall == round(100 * (171 + 17 + 2463 + 442) / 15_000, 2)


def test_the_human_set_has_a_row_of_its_own():
    rows = [Truth(str(n), "Q1", split, None) for n, split in enumerate(("seen", "seen", "unseen", "unseen"))]
    score = oven_score(rows, {"0": "Q1", "1": "Q2", "2": "Q1"})
    assert list(score.tasks) == ["human"]
    assert (score.human.seen.accuracy, score.human.unseen.accuracy, score.human.accuracy) == (50, 50, 50)
    assert (score.human.published, score.final, score.overall, score.missing) == (pytest.approx(200 / 3), None, 50, 1)


@pytest.mark.parametrize(("split", "task"), [("train", "entity"), ("train", None), ("seen", "wiki")])
def test_only_evaluation_sets_are_scored(split, task):
    with pytest.raises(WikiClipError, match="score an evaluation set"):
        oven_score([Truth("a", "Q1", split, task)], {})


def test_an_annotation_that_comes_twice_is_refused():
    with pytest.raises(WikiClipError, match="'a' is annotated twice"):
        oven_score([Truth("a", "Q1", "seen", "entity"), Truth("a", "Q2", "unseen", "query")], {})


def printed(score):
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(oven_table({"ours": score}))
    return console.export_text()


def test_the_table_has_the_score_and_what_was_not_answered():
    annotations, predictions = published()
    first, *_ = predictions
    entity_id = predictions.pop(first)
    text = printed(oven_score(annotations, {**predictions, "stranger": entity_id}))
    line = {line.split("│")[2].strip(): line for line in text.splitlines() if line.count("│") > 2}
    figures = [part for part in line["query"].split() if part[0].isdigit()]
    assert figures == ["24.63", "17.68", "20.58", "23.24", "12,500", "0", "20.58"]
    assert [part.strip() for part in line["entity"].split("│")][-3] == "1"
    assert line["final"].split("│")[5].strip() == "7.86"  # the one without a prediction had been right
    assert "not annotated: 1." in text


def test_the_table_has_a_dash_for_what_was_not_asked():
    text = printed(oven_score([Truth("a", "Q1", "seen", "entity")], {"a": "Q1"}))
    assert "100.00" in text
    assert "-" in text
