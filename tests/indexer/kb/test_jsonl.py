import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from indexer.kb import BadRecord, Entity, KnowledgeBaseName, open_kb
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import filled
from wikiclip.base.errors import WikiClipError

GOOD = {"entity_id": "Q1", "title": "Heron", "text": "A bird."}


def written(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    content = "\n".join(texts).encode() + b"\n"
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["records.jsonl", "records.jsonl.gz"])
def test_reads_what_the_format_allows(tmp_path: Path, name: str):
    full = {**GOOD, "entity_id": "Q2", "images": ["a/b.png", "c.jpg"], "url": "https://e.org/Q2", "attribution": "Ann"}
    kb = JsonLines(written(tmp_path / name, GOOD, "", full))
    assert list(kb.records()) == [
        Entity(entity_id="Q1", title="Heron", text="A bird."),
        Entity(
            entity_id="Q2", title="Heron", text="A bird.", images=("a/b.png", "c.jpg"),
            url="https://e.org/Q2", attribution="Ann",
        ),
    ]  # fmt: skip
    assert kb.image_root == tmp_path
    assert len(kb) == 3


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("not json", "Invalid JSON"),
        ('{"entity_id": "Q1", ', "Invalid JSON"),
        ("[]", "object"),
        ("null", "object"),
        ({"entity_id": "Q1", "title": "T"}, "text: Field required"),
        ({**GOOD, "entity_id": ""}, "entity_id"),
        ({**GOOD, "entity_id": 7}, "entity_id"),
        ({**GOOD, "entity_id": "a\nb"}, "entity_id"),
        ({**GOOD, "entity_id": " a"}, "entity_id"),
        ({**GOOD, "title": ""}, "title"),
        ({**GOOD, "title": None}, "title"),
        ({**GOOD, "text": None}, "text"),
        ({**GOOD, "images": "a.png"}, "images"),
        ({**GOOD, "aliases": "Egret"}, "aliases"),
        ({**GOOD, "aliases": ["a\nb"]}, r"aliases\.0"),
        ({**GOOD, "tags": [7]}, r"tags\.0"),
        ({**GOOD, "lang": "German, mostly"}, "lang"),
        ({**GOOD, "extra": ["a"]}, "extra"),
        ('{"entity_id": "\\ud800", "title": "T", "text": ""}', "Invalid JSON"),
        ({**GOOD, "attribution": 5}, "attribution"),
    ],
)
def test_a_bad_line_is_listed_with_its_number_and_stops_nothing(tmp_path: Path, line: object, why: str):
    first, bad, last = JsonLines(written(tmp_path / "r.jsonl", GOOD, line, {**GOOD, "entity_id": "Q9"})).records()
    assert isinstance(first, Entity)
    assert isinstance(last, Entity)
    assert isinstance(bad, BadRecord)
    assert bad.where == "r.jsonl:2"
    assert re.search(why, bad.why)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"images": [""]}, r"images\.0"),
        ({"images": ["/etc/passwd"]}, r"images\.0: .*inside the folder"),
        ({"images": ["a.png", "../b.png"]}, r"images\.1: .*inside the folder"),
        ({"images": ["a/../../b.png"]}, r"images\.0: .*inside the folder"),
        ({"images": ["a\u0000.png"]}, r"images\.0"),
        ({"images": ["C:/a.png"]}, r"images\.0: .*inside the folder"),
        ({"images": ["..\\b.png"]}, r"images\.0: .*two dots"),
        ({"images": ["C:\\a.png"]}, r"images\.0: .*begins elsewhere"),
        ({"images": ["https://e.org/a.png"]}, r"images\.0: .*is a URL"),
        ({"url": "javascript:alert(1)"}, "url: .*http"),
        ({"url": 7}, "url: .*string"),
        ({"images": [7]}, r"images\.0: .*string"),
        ({"extra": {"a": "x" * 70_000}}, "extra: takes more than 65,536 characters"),
        ('{"entity_id": "Q1", "title": "Heron", "text": "A bird.", "weight": NaN}', "extra: holds a number that JSON"),
    ],
)
def test_a_part_that_is_bad_is_left_out_and_listed_and_the_record_stays(tmp_path: Path, line: object, why: str):
    changed = line if isinstance(line, str) else {**GOOD, **line}
    bad, record = JsonLines(written(tmp_path / "r.jsonl", changed)).records()
    assert isinstance(bad, BadRecord)
    assert bad.where == "r.jsonl:1"
    assert re.search(f"{why}.*; it is left out$", bad.why)
    assert isinstance(record, Entity)
    kept = ["a.png"] if "images.1" in bad.why else []
    assert record == Entity(entity_id="Q1", title="Heron", text="A bird.", images=tuple(kept))


def test_a_key_that_stands_in_extra_and_beside_it_is_told_of_where_a_value_is_lost(tmp_path: Path):
    line = {**GOOD, "images": [], "weight": 1, "extra": {"weight": 2}}
    bad, record = JsonLines(written(tmp_path / "r.jsonl", line)).records()
    assert isinstance(bad, BadRecord)
    assert bad.why == "extra: has a key that stands beside it, too, with another value; it is left out"
    assert isinstance(record, Entity)
    assert record.extra == '{"weight": 2}'
    (record,) = JsonLines(written(tmp_path / "r.jsonl", {**line, "weight": 2})).records()
    assert isinstance(record, Entity)


def test_what_has_no_key_of_its_own_is_kept_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    line = {**GOOD, "aliases": ["Egret"], "tags": ["bird"], "lang": "en", "image": "a.png", "extra": {"rooms": [1, 2]}}
    kb = JsonLines(written(tmp_path / "r.jsonl", line, {**GOOD, "entity_id": "Q2", "image": "b.png"}))
    first, second = kb.records()
    assert isinstance(first, Entity)
    assert (first.aliases, first.tags, first.lang) == (("Egret",), ("bird",), "en")
    assert json.loads(first.extra or "") == {"image": "a.png", "rooms": [1, 2]}
    assert isinstance(second, Entity)
    assert json.loads(second.extra or "") == {"image": "b.png"}
    kb.fingerprint()
    assert capsys.readouterr().err == "r.jsonl: kept as extra, which no encoder reads: 'image' (2).\n"


def test_records_of_before_have_the_fingerprint_of_before(tmp_path: Path):
    """Or an index of a day's work would be built again for fields that its records do not have."""
    assert filled(Entity("Q1", "T", "")) == 6
    assert filled(Entity("Q1", "T", "", tags=("a",))) == 8
    picture = tmp_path / "r.jsonl"
    written(picture, GOOD)
    told = hashlib.sha256(f"jsonl\n{tmp_path}\n".encode())
    told.update(b"Entity(entity_id='Q1', title='Heron', text='A bird.', images=(), url=None, attribution=None)")
    assert JsonLines(picture).fingerprint() == told.hexdigest()


def test_bytes_that_are_no_text_are_a_bad_line(tmp_path: Path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(json.dumps(GOOD).encode().replace(b"Heron", b"\xff\xfe"))
    assert isinstance(next(JsonLines(path).records()), BadRecord)


def test_the_second_record_of_an_id_is_bad(tmp_path: Path):
    first, second = JsonLines(written(tmp_path / "r.jsonl", GOOD, {**GOOD, "title": "Other"})).records()
    assert isinstance(first, Entity)
    assert second == BadRecord(where="r.jsonl:2", why="entity_id 'Q1' was given before")


def test_titles_in_any_script_are_taken(tmp_path: Path):
    title = "白鷺 \u0646\u200c\u062e O\u00a0B"
    (record,) = JsonLines(written(tmp_path / "r.jsonl", {**GOOD, "title": title})).records()
    assert isinstance(record, Entity)
    assert record.title == title


def test_the_fingerprint_changes_with_a_record_and_with_a_picture(tmp_path: Path):
    picture, path = tmp_path / "a.png", tmp_path / "r.jsonl"
    seen = set()
    kb = JsonLines(written(path, {**GOOD, "images": ["a.png"]}))
    for change in (lambda: None, lambda: picture.write_bytes(b"1"), lambda: picture.write_bytes(b"22")):
        change()
        seen.add(kb.fingerprint())
        assert kb.fingerprint() in seen
    seen.add(JsonLines(written(path, {**GOOD, "title": "Egret", "images": ["a.png"]})).fingerprint())
    assert len(seen) == 4


def test_what_is_missing_is_named_with_its_option(tmp_path: Path):
    with pytest.raises(WikiClipError, match="--records"):
        open_kb(KnowledgeBaseName.JSONL)
    with pytest.raises(WikiClipError, match=r"none\.jsonl.*--records"):
        open_kb(KnowledgeBaseName.JSONL, records=tmp_path / "none.jsonl")
    with pytest.raises(WikiClipError, match=r"pics.*--images"):
        open_kb(KnowledgeBaseName.JSONL, records=written(tmp_path / "r.jsonl", GOOD), images=tmp_path / "pics")


@pytest.mark.parametrize("name", ["2001: A Space Odyssey.png", "File:Cat.png", "a:b/c.png", "images\\x.png"])
def test_a_name_is_no_url_for_a_colon_and_not_outside_for_a_backslash(tmp_path: Path, name: str):
    (record,) = JsonLines(written(tmp_path / "r.jsonl", {**GOOD, "images": [name]})).records()
    assert isinstance(record, Entity)
    assert record.images == (name,)


@pytest.mark.parametrize("name", ["records.jsonl", "records.jsonl.gz"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (json.dumps([GOOD], indent=2), r"is a JSON array.*jq -c '\.\[\]'"),
        (json.dumps([GOOD]), "is a JSON array"),
        (" \n[]", "is a JSON array"),
        (json.dumps(GOOD, indent=2), "several lines.*jq -c"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_json_of_another_shape_is_refused_whole(tmp_path: Path, name: str, content: str, why: str, encoding: str):
    data, path = content.encode(encoding), tmp_path / name
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    with pytest.raises(WikiClipError, match=why):
        JsonLines(path).records()


def test_utf_16_is_named(tmp_path: Path):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(GOOD), encoding="utf-16")
    with pytest.raises(WikiClipError, match="is UTF-16: save it as UTF-8"):
        list(JsonLines(path).records())


def test_a_table_is_told_how_it_becomes_records(tmp_path: Path):
    table = tmp_path / "things.csv"
    table.write_text("id,title\n1,Heron\n")
    with pytest.raises(WikiClipError, match=r"is a table: `python -m indexer\.convert table "):
        JsonLines(table)
