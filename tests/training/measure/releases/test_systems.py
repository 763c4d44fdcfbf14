"""Other systems' files: what is read of them, and which entities generated names are."""

import gzip
import json
from pathlib import Path

import pytest

from indexer.kb.record import Entity
from indexer.records.table import EntityTable, to_batch, write_table
from training.measure.releases.codes import read_codes
from training.measure.releases.systems import NAMED, System, read_system
from training.measure.releases.titles import open_titles
from wikiclip.base.errors import WikiClipError

TITLES = (
    "Grey heron",
    "Great egret",
    "Wood",
    "Wood Wood, Victoria",
    "Heron (surname)",
    "東京タワー",
    "Grey wagtail",
    "Émile Zola",
)
FINGERPRINT = "f" * 64


@pytest.fixture
def entities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EntityTable:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    made = [Entity(entity_id=f"Q{n}", title=title, text="", images=(), url=None) for n, title in enumerate(TITLES)]
    (tmp_path / "table").mkdir()
    write_table([to_batch(made)], tmp_path / "table")
    return EntityTable(tmp_path / "table")


def read(entities: EntityTable, path: Path, *rows: object, packed: bool = False) -> System:
    lines = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if packed else lines)
    return read_system("other", path, entities, FINGERPRINT)


def test_a_code_is_of_whoever_has_it_and_needs_a_file_that_says_who(entities: EntityTable, tmp_path: Path) -> None:
    (tmp_path / "codes").write_text('{"entity_id": "Q1", "code": [4, 2]}\n{"entity_id": "Q5", "code": [4, 1]}\n')
    path = tmp_path / "answers"
    rows = ({"data_id": "a", "code": [4]}, {"data_id": "b", "code": [4, 2], "prediction": "heron"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_system("coded", path, entities, FINGERPRINT, read_codes(tmp_path / "codes"))
    assert found.ranked == {"a": ["Q5", "Q1"], "b": ["Q1"]}
    with pytest.raises(WikiClipError, match=r"line 1, answers by a code: .* --codes FILE"):
        read_system("coded", path, entities, FINGERPRINT)


def test_each_form_of_an_answer_is_read(entities: EntityTable, tmp_path: Path) -> None:
    rows = [
        {"data_id": "a", "pred_entity_id": "Q5", "confidence": 0.3},
        {"data_id": "b", "pred_entity_ids": ["Q1", "Q2", "Q3"]},
        {"data_id": "c", "prediction": "wood", "bm25": [["Wood Wood", "Q9"], ["Wood", "Q2"]]},
        {"data_id": "d", "prediction": "heron"},
        {"data_id": "e", "prediction": "an otter"},
    ]
    for packed in (False, True):
        found = read(entities, tmp_path / f"answers-{packed}", *rows, packed=packed)
        assert found.ranked["a"] == ["Q5"]
        assert found.ranked["b"] == ["Q1", "Q2", "Q3"]
        assert found.ranked["c"] == ["Q9", "Q2"]
        assert {*found.ranked["d"]} == {"Q0", "Q4"}
        assert found.ranked["e"] == []
        assert found.depth == NAMED


def test_how_deep_answers_go_is_known(entities: EntityTable, tmp_path: Path) -> None:
    assert read(entities, tmp_path / "one", {"data_id": "a", "pred_entity_id": "Q5"}).depth == 1
    assert read(entities, tmp_path / "three", {"data_id": "a", "pred_entity_ids": ["Q1", "Q2", "Q3"]}).depth == 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"pred_entity_id": "Q1"}, "data_id"),
        ({"data_id": "a"}, "has none of pred_entity_id"),
        ({"data_id": "a", "pred_entity_id": 5}, "pred_entity_id"),
        ({"data_id": "a", "bm25": [["title"]]}, "bm25"),
        ("<!doctype html>", "web page"),
        ('["a"]', "JSON array"),
    ],
)
def test_a_line_that_is_no_answer_is_named(row: object, said: str, entities: EntityTable, tmp_path: Path) -> None:
    with pytest.raises(WikiClipError) as refused:
        read(entities, tmp_path / "answers", row)
    assert said in str(refused.value)


def test_two_answers_to_one_question_are_refused(entities: EntityTable, tmp_path: Path) -> None:
    with pytest.raises(WikiClipError, match="line 2, answers 'a' a second time"):
        read(
            entities,
            tmp_path / "answers",
            {"data_id": "a", "pred_entity_id": "Q1"},
            {"data_id": "a", "prediction": "x"},
        )


def test_names_find_titles_by_their_words(entities: EntityTable) -> None:
    index = open_titles(entities, FINGERPRINT)
    assert index.best("GREY HERON", 3)[0] == 0
    assert index.best("great egret!", 1) == [1]
    assert {*index.best("wood", 2)} == {2, 3}
    assert index.best("東京タワー", 1) == [5]
    assert index.best("emile", 1) == index.best("ÉMILE", 1) == [7]
    assert index.best("otter", 3) == index.best("", 3) == index.best('"(+-:*', 3) == []


def test_titles_are_kept_and_made_again_where_they_were_damaged(entities: EntityTable, tmp_path: Path) -> None:
    open_titles(entities, FINGERPRINT)
    (folder,) = (tmp_path / "home" / "features").glob("titles-*")
    made = folder.stat().st_ino
    open_titles(entities, FINGERPRINT)
    assert folder.stat().st_ino == made
    for damage in ("count.json", "title/meta.json"):
        (folder / damage).write_text("x")
        assert open_titles(entities, FINGERPRINT).best("great egret", 1) == [1]
