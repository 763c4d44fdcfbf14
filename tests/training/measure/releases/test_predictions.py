"""Predictions on disk."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.measure.releases.predictions import read_predictions, write_predictions
from wikiclip.base.errors import WikiClipError


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=20))
def test_written_and_read_again(tmp_path_factory, predictions):
    path = tmp_path_factory.mktemp("predictions") / "val.jsonl"
    write_predictions(path, predictions)
    assert read_predictions(path) == predictions
    assert [set(json.loads(line)) for line in path.read_text("utf-8").splitlines()] == [
        {"data_id", "pred_entity_id"}
    ] * len(predictions)
    assert [file.name for file in path.parent.iterdir()] == ["val.jsonl"]


def test_a_file_is_replaced_and_may_be_gzipped(tmp_path):
    path = tmp_path / "val.jsonl"
    write_predictions(path, {"a": "Q1", "b": "Q2"})
    write_predictions(path, {"a": "Q3"})
    assert read_predictions(path) == {"a": "Q3"}
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_predictions(path) == {"a": "Q3"}


def test_other_keys_blank_lines_and_equal_rows_do_no_harm(tmp_path):
    path = tmp_path / "val.jsonl"
    path.write_text('{"data_id": "a", "pred_entity_id": "Q1", "score": 0.5}\n\n{"pred_entity_id":"Q1","data_id":"a"}')
    assert read_predictions(path) == {"a": "Q1"}


@pytest.mark.parametrize(
    "line",
    [
        '{"data_id": "b", "pred_ent',
        "[]",
        "null",
        "{}",
        '{"data_id": "b"}',
        '{"pred_entity_id": "Q1"}',
        '{"data_id": "b", "pred_entity_id": null}',
        '{"data_id": 7, "pred_entity_id": "Q1"}',
        '{"data_id": "b", "pred_entity_id": ["Q1"]}',
        '{"data_id": "b", "pred_entity_id": ""}',
        '{"data_id": "b", "pred_entity_id": "Q1"} {}',
        '{"data_id": "b", "pred_entity_id": "\\ud800"}',
    ],
)
def test_a_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "val.jsonl"
    path.write_text(f'{{"data_id": "a", "pred_entity_id": "Q1"}}\n{line}\n')
    with pytest.raises(WikiClipError, match=r"val\.jsonl, line 2, is not a prediction") as error:
        read_predictions(path)
    assert "\n" not in str(error.value)


def test_bytes_that_are_not_text_are_named(tmp_path):
    path = tmp_path / "val.jsonl"
    path.write_bytes(b'{"data_id": "\xff", "pred_entity_id": "Q1"}\n')
    with pytest.raises(WikiClipError, match="line 1, is not a prediction"):
        read_predictions(path)


def test_two_answers_to_one_query_are_refused(tmp_path):
    path = tmp_path / "val.jsonl"
    rows = [("a", "Q1"), ("b", "Q1"), ("a", "Q2")]
    path.write_text("".join(json.dumps({"data_id": d, "pred_entity_id": e}) + "\n" for d, e in rows))
    with pytest.raises(WikiClipError, match="line 3, predicts another entity for 'a'"):
        read_predictions(path)


def test_a_file_that_is_not_there_or_cannot_be_written(tmp_path):
    with pytest.raises(WikiClipError, match="could not be read"):
        read_predictions(tmp_path / "none.jsonl")
    with pytest.raises(WikiClipError, match="cannot be written"):
        write_predictions(tmp_path / "none" / "val.jsonl", {})


def test_an_array_is_refused_whole(tmp_path):
    path = tmp_path / "val.json"
    path.write_text(json.dumps([{"data_id": "a", "pred_entity_id": "Q1"}], indent=1))
    with pytest.raises(WikiClipError, match="one object a line"):
        read_predictions(path)
