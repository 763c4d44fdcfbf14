"""Small files in the form of Encyclopedic-VQA's knowledge base."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.kb import KnowledgeBaseName, open_kb
from indexer.kb.encyclopedic_vqa import LONGEST_TEXT, EncyclopedicVqa
from indexer.kb.record import BadRecord, Entity
from wikiclip.base.errors import WikiClipError

WIKI = "https://en.wikipedia.org/wiki/"
UPLOADS = "https://upload.wikimedia.org/wikipedia/commons/a/ab/"
HERON = {
    "title": "Grey heron",
    "section_titles": ["Grey heron", "Diet"],
    "section_texts": [" A bird that wades. ", "It eats fish."],
    "image_urls": [UPLOADS + "Heron%20one.jpg", UPLOADS + "Gone.jpg", UPLOADS + "Heron_2.jpg"],
    "image_reference_descriptions": ["", "", ""],
    "image_section_indices": [0, 0, 1],
    "url": WIKI + "Grey_heron",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the release is expected."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    folder = tmp_path / "encyclopedic-vqa"
    folder.mkdir()
    return folder


def written(home: Path, articles: object) -> Path:
    path = home / "encyclopedic_kb_wiki.json"
    path.write_text(articles if isinstance(articles, str) else json.dumps(articles))
    return path


def test_an_article_is_a_record_with_the_pictures_that_are_there(home: Path):
    written(home, {WIKI + "Grey_heron": HERON})
    for name in ("ab/Heron one.jpg", "Heron_2.jpg"):
        (home / "wikipedia_images" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "wikipedia_images" / name).touch()
    kb = open_kb(KnowledgeBaseName.ENCYCLOPEDIC_VQA)
    assert list(kb.records()) == [
        Entity(
            entity_id="Grey_heron",
            title="Grey heron",
            text="A bird that wades.",
            images=("ab/Heron one.jpg", "Heron_2.jpg"),
            url=WIKI + "Grey_heron",
            attribution="Wikipedia (CC BY-SA)",
        )
    ]
    assert (kb.name, len(kb), kb.image_root) == ("encyclopedic-vqa", 1, home / "wikipedia_images")


def test_without_a_folder_of_pictures_there_are_none(home: Path):
    written(home, {WIKI + "Grey_heron": HERON})
    kb = EncyclopedicVqa()
    [found] = kb.records()
    assert isinstance(found, Entity)
    assert (found.images, kb.image_root) == ((), None)


@pytest.mark.parametrize(
    ("texts", "text"),
    [([], ""), (["", "  ", "Second."], "Second."), (["x" * 3 * LONGEST_TEXT], "x" * LONGEST_TEXT)],
)
def test_the_text_is_the_first_section_s_that_has_any(home: Path, texts: list[str], text: str):
    written(home, {WIKI + "A": {**HERON, "section_texts": texts}})
    [found] = EncyclopedicVqa().records()
    assert isinstance(found, Entity)
    assert found.text == text


@pytest.mark.parametrize(
    ("url", "article", "why"),
    [
        ("Grey_heron", HERON, "the key is not the address of an article"),
        (WIKI, HERON, "the key is not the address of an article"),
        (WIKI + "..", HERON, "the key is not the address of an article"),
        (WIKI + "%0A", HERON, "the key is not the address of an article"),
        (WIKI + "a" * 300, HERON, "the key is not the address of an article"),
        (WIKI + "B", [], "valid dictionary"),
        (WIKI + "B", {**HERON, "title": ""}, "title"),
        (WIKI + "B", {**HERON, "section_texts": "text"}, "section_texts"),
        (WIKI + "B", {**HERON, "image_urls": [1]}, "image_urls.0"),
        (WIKI + "First", HERON, "entity_id 'First' was given before"),
    ],
)
def test_a_bad_article_is_named_and_stops_nothing(home: Path, url: str, article: Any, why: str):
    pairs = [(WIKI + "First", HERON), (url, article), (WIKI + "Last", HERON)]
    written(home, "{" + ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs) + "}")
    first, bad, last = EncyclopedicVqa().records()
    assert isinstance(first, Entity)
    assert isinstance(last, Entity)
    assert isinstance(bad, BadRecord)
    assert why in bad.why
    assert bad.where.startswith("encyclopedic_kb_wiki.json: ")


@pytest.mark.parametrize("articles", ["<!DOCTYPE html>", '{"https://a/wiki/B": {"title"', ""])
def test_another_file_is_one_line(home: Path, articles: str):
    written(home, articles)
    said = r"^[^\n]*encyclopedic_kb_wiki\.json is (not JSON, or is cut off|a web page)[^\n]*$"
    with pytest.raises(WikiClipError, match=said):
        list(EncyclopedicVqa().records())


@pytest.mark.parametrize("articles", [[HERON], {}, 7])
def test_a_file_of_no_articles_is_one_line(home: Path, articles: object):
    written(home, articles)
    with pytest.raises(WikiClipError, match=r"is no JSON object of articles by their addresses"):
        list(EncyclopedicVqa().records())


def test_an_address_leads_to_no_place_outside(home: Path):
    (home / "secret.jpg").touch()
    (home / "wikipedia_images").mkdir()
    urls = [
        "https://a/../secret.jpg",
        "../secret.jpg",
        "https://a/%2e%2e/secret.jpg",
        "https://[b/c.jpg",
        "https://a/\0",
    ]
    written(home, {WIKI + "A": {**HERON, "image_urls": urls}})
    [found] = EncyclopedicVqa().records()
    assert isinstance(found, Entity)
    assert found.images == ()


def test_what_is_missing_is_said(home: Path, tmp_path: Path):
    with pytest.raises(WikiClipError, match=r"^Encyclopedic-VQA's knowledge base is not at .*--records FILE"):
        EncyclopedicVqa()
    with pytest.raises(WikiClipError, match="There is no folder of pictures"):
        EncyclopedicVqa(written(home, {}), images=tmp_path / "none")


def test_the_fingerprint_changes_with_the_file_and_a_picture(home: Path):
    written(home, {WIKI + "Grey_heron": HERON})
    (home / "wikipedia_images/ab").mkdir(parents=True)
    found = [EncyclopedicVqa().fingerprint(), EncyclopedicVqa().fingerprint()]
    (home / "wikipedia_images/ab/Heron.jpg").touch()
    found.append(EncyclopedicVqa().fingerprint())
    written(home, {WIKI + "Heron": HERON})
    found.append(EncyclopedicVqa().fingerprint())
    assert found[0] == found[1]
    assert len(set(found)) == 3
