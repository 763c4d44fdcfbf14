import gzip
import json
from pathlib import Path

import pytest

from indexer.kb import BadRecord, Entity, KnowledgeBaseName, open_kb
from indexer.kb.oven import RECORD_FILES, RELEASED_RECORDS, Oven
from wikiclip.base.errors import WikiClipError

HERON = {
    "wikidata_id": "Q1141409",
    "wikipedia_title": "Great blue heron",
    "wikipedia_summary": "A wading bird.",
    "wikipedia_content": "The whole article.",
    "wikipedia_image_url": "https://upload.wikimedia.org/heron.jpg",
}


@pytest.fixture
def oven_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    folder = tmp_path / "oven"
    folder.mkdir()
    return folder


def written(path: Path, *records: object) -> Path:
    content = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", RECORD_FILES)
def test_reads_every_form_of_the_release(oven_home: Path, name: str):
    record = {key: HERON[key] for key in ("wikidata_id", "wikipedia_title")} if "title_only" in name else HERON
    written(oven_home / name, record)
    folder = oven_home / "wikipedia_images_full" / "Q114"
    folder.mkdir(parents=True)
    (folder / "Q1141409.jpg").touch()
    kb = open_kb(KnowledgeBaseName.OVEN)
    assert list(kb.records()) == [
        Entity(
            entity_id="Q1141409",
            title="Great blue heron",
            text="" if "title_only" in name else "A wading bird.",
            images=("wikipedia_images_full/Q114/Q1141409.jpg",),
            url="https://en.wikipedia.org/wiki/Great_blue_heron",
            attribution="Wikipedia (CC BY-SA)",
        )
    ]
    assert kb.image_root == oven_home
    assert len(kb) == 1


@pytest.mark.parametrize("summary", ["", " \n", None])
def test_the_article_stands_in_for_an_empty_summary_but_not_whole(oven_home: Path, summary: str | None):
    path = written(
        oven_home / "r.jsonl", {**HERON, "wikipedia_summary": summary, "wikipedia_content": "word " * 10_000}
    )
    (record,) = Oven(path).records()
    assert isinstance(record, Entity)
    assert record.text.startswith("word word")
    assert len(record.text) == 2_000


def test_null_texts_and_missing_pictures_are_no_fault(oven_home: Path):
    empty = {**HERON, "wikipedia_summary": None, "wikipedia_content": None, "wikipedia_image_url": None}
    kb = Oven(written(oven_home / "r.jsonl", empty))
    (record,) = kb.records()
    assert isinstance(record, Entity)
    assert (record.text, record.images, kb.image_root) == ("", (), None)


@pytest.mark.parametrize("wikidata_id", ["../../etc/passwd", "Q1/../../x", "q1", "", None, 7, "Q1\n"])
def test_an_id_that_is_none_of_wikidata_is_bad(oven_home: Path, wikidata_id: object):
    (record,) = Oven(written(oven_home / "r.jsonl", {**HERON, "wikidata_id": wikidata_id})).records()
    assert isinstance(record, BadRecord)
    assert record.where == "r.jsonl:1"


def test_a_second_record_of_an_id_is_bad(oven_home: Path):
    assert [type(r) for r in Oven(written(oven_home / "r.jsonl", HERON, HERON)).records()] == [Entity, BadRecord]


def test_titles_are_quoted_in_the_address(oven_home: Path):
    (record,) = Oven(written(oven_home / "r.jsonl", {**HERON, "wikipedia_title": 'AC/DC "?" 100% é'})).records()
    assert isinstance(record, Entity)
    assert record.url == "https://en.wikipedia.org/wiki/AC/DC_%22%3F%22_100%25_%C3%A9"


def test_the_missing_release_is_one_error_with_all_one_needs_to_know(oven_home: Path):
    with pytest.raises(WikiClipError) as error:
        open_kb(KnowledgeBaseName.OVEN)
    for expected in (*RECORD_FILES, str(oven_home), "--records", "wikipedia_images_full", "--images"):
        assert expected in str(error.value)


def test_a_named_file_or_folder_that_is_missing_is_named(oven_home: Path):
    with pytest.raises(WikiClipError, match=r"elsewhere\.jsonl"):
        Oven(oven_home / "elsewhere.jsonl")
    with pytest.raises(WikiClipError, match="holds no folder wikipedia_images_full"):
        Oven(written(oven_home / "r.jsonl", HERON), images=oven_home)


def test_a_huge_file_is_not_read_to_count_it(oven_home: Path):
    path = oven_home / "huge.jsonl"
    with path.open("wb") as file:
        file.truncate(2**28)
    assert len(Oven(path)) == RELEASED_RECORDS


def test_the_fingerprint_changes_with_the_file_and_with_a_new_picture(oven_home: Path):
    path = written(oven_home / "r.jsonl", HERON)
    folder = oven_home / "wikipedia_images_full" / "Q114"
    folder.mkdir(parents=True)
    fingerprints = [Oven(path).fingerprint(), Oven(path).fingerprint()]
    (folder / "Q1141409.jpg").touch()
    fingerprints.append(Oven(path).fingerprint())
    written(path, HERON, HERON)
    fingerprints.append(Oven(path).fingerprint())
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3
