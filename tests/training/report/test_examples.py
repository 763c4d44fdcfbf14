"""What a model answers to scenes, as the report shows it."""

import pytest

from training.measure.quality import table_rows
from training.measure.scenes_answers import answers_of_checkpoint
from training.report.examples import examples, scene_queries
from training.report.page import write_report

pytestmark = pytest.mark.slow


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
