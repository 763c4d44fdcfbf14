"""Labels of one's own pictures."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.kb.record import BadRecord
from training.data.annotation import Annotation
from training.data.collection.labels import LABEL_FOLDS, CollectionLabels, fold_of
from wikiclip.base.errors import WikiClipError


def written(folder: Path, *lines: object) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_labels_become_annotations(tmp_path: Path):
    region = {"box": [1, 2, 3, 4]}
    labels = CollectionLabels(
        written(
            tmp_path,
            {"picture": "hall/3.jpg", "entity_id": "17", "region": region, "answered": "4", "question": "What is it?"},
            {"picture": "4.jpg", "entity_id": "18", "data_id": "mine"},
        )
    )
    first, second = labels
    assert isinstance(first, Annotation)
    assert (first.data_id, first.picture, first.entity_id) == ("labels-00000001", tmp_path / "hall/3.jpg", "17")
    assert (first.region, first.question, first.split) == (region, "What is it?", "train")
    assert isinstance(second, Annotation)
    assert (second.data_id, second.region) == ("mine", None)
    assert len(labels) == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Invalid JSON"),
        ({"picture": "a.png"}, "entity_id: Field required"),
        ({"picture": "a.png", "entity_id": 7}, "entity_id"),
        ({"picture": "a.png", "entity_id": "7", "regoin": None}, "regoin: Extra inputs"),
        ({"picture": "../a.png", "entity_id": "7"}, "outside|above|dots|leads"),
    ],
)
def test_a_bad_label_is_told_with_its_line(tmp_path: Path, line: object, why: str):
    (bad,) = CollectionLabels(written(tmp_path, line))
    assert isinstance(bad, BadRecord)
    assert bad.where == "labels.jsonl:1"
    assert re.search(why, bad.why)


def test_a_fold_takes_whole_entities(tmp_path: Path):
    lines = [{"picture": f"{n}.png", "entity_id": str(n // 3)} for n in range(60)]
    path = written(tmp_path, *lines)
    seen = []
    for fold in range(LABEL_FOLDS):
        unseen = {one.entity_id for one in CollectionLabels(path, fold=fold) if one.split == "unseen"}
        assert all((one.split == "unseen") == (one.entity_id in unseen) for one in CollectionLabels(path, fold=fold))
        seen += unseen
    assert sorted(seen) == sorted({str(n // 3) for n in range(60)})
    assert CollectionLabels(path, fold=1).fingerprint() != CollectionLabels(path).fingerprint()


@given(st.text())
def test_every_id_has_a_fold(entity_id: str):
    assert 0 <= fold_of(entity_id) < LABEL_FOLDS


def test_what_is_missing_is_named_with_its_option(tmp_path: Path):
    with pytest.raises(WikiClipError, match="--labels"):
        CollectionLabels(tmp_path / "none.jsonl")
    with pytest.raises(WikiClipError, match="--pictures"):
        CollectionLabels(written(tmp_path), pictures=tmp_path / "none")
