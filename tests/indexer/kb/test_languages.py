"""Which records are in languages that a checkpoint's text encoder does not read, and that a build says so."""

import json
from collections import Counter
from pathlib import Path

import pytest

from indexer.build import build
from indexer.kb import KnowledgeBaseName
from indexer.kb.languages import spoken, unread, warning
from indexer.kb.record import Entity
from wikiclip.presets import PRESETS
from wikiclip.presets.languages import Reading, reading_of

ENGLISH, MANY = Reading(frozenset({"en"}), 32), Reading(None, 64)


@pytest.mark.parametrize(
    ("title", "lang", "named"),
    [
        ("great egret", None, "LATIN"),
        ("Silberreiher, groß und weiß", None, "LATIN"),
        ("Silberreiher", "de-AT", "de"),
        ("大白鹭", None, "CJK"),
        ("大白鹭", "ZH-Hant", "zh"),
        ("بلشون أبيض كبير", None, "ARABIC"),
        ("Größe: بلشون أبيض كبير جدا", None, "ARABIC"),
        ("Большая белая цапля", None, "CYRILLIC"),
        ("№ 12 \u2013 5\u2033", None, "LATIN"),
    ],
)
def test_a_language_is_told_by_the_tag_or_by_the_letters(title: str, lang: str | None, named: str) -> None:
    assert spoken(Entity("1", title, "", lang=lang)) == named


def test_what_is_not_read_is_counted() -> None:
    languages = Counter({"LATIN": 5, "en": 4, "de": 3, "CJK": 2, "ARABIC": 1})
    assert unread(languages, ENGLISH) == {"de": 3, "CJK": 2, "ARABIC": 1}
    assert unread(languages, MANY) == {}
    assert warning(Counter({"LATIN": 5, "en": 4}), ENGLISH, "tiny") is None
    said = warning(languages, ENGLISH, "tiny")
    assert said is not None
    assert said.startswith("6 of 15 records are in what the text encoder of tiny does not read (de 3, Chinese")
    assert "it reads en alone, 32 tokens of a text" in said


@pytest.mark.parametrize(
    ("preset", "reads", "not_read", "tokens"),
    [
        ("tiny", "en", "de", 32),
        ("clip-small", "en", "zh", 77),
        ("clip", "ar", None, 64),
        ("embedding", "zh", None, 256),
        ("base", "en", "fr", 256),
        ("s", "de", "zh", 256),
    ],
)
def test_of_each_preset_it_is_known(preset: str, reads: str, not_read: str | None, tokens: int) -> None:
    reading = reading_of(PRESETS[preset])
    assert reading is not None
    assert reading.reads(reads)
    assert not_read is None or not reading.reads(not_read)
    assert reading.tokens == tokens


def test_a_build_says_how_many_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {"entity_id": "1", "title": "great egret", "text": "A bird."},
        {"entity_id": "2", "title": "Silberreiher", "text": "Vogel.", "lang": "de"},
        {"entity_id": "3", "title": "大白鹭", "text": "鸟"},
    ]
    records = tmp_path / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    build(kb=KnowledgeBaseName.JSONL, records=records, model="tiny", out=tmp_path / "index")
    said = capsys.readouterr().err
    assert "2 of 3 records are in what the text encoder of tiny does not read (de 1, Chinese characters 1)" in said
    records.write_text(json.dumps(lines[0]) + "\n")
    build(kb=KnowledgeBaseName.JSONL, records=records, model="tiny", out=tmp_path / "english")
    assert "does not read" not in capsys.readouterr().err
