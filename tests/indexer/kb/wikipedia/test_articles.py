import json
from pathlib import Path

import pytest

from indexer.kb.wikipedia.articles import SUMMARIES, Article, ArticlesError, read_articles

HARP = {"title": "Harp", "extract": "The harp is\nplayed.", "description": "Plucked instrument", "topic": "Arts"}


def write(root: Path, content: str) -> Path:
    (root / SUMMARIES).parent.mkdir(parents=True)
    (root / SUMMARIES).write_text(content, encoding="utf-8")
    return root


def test_reads_titles_descriptions_and_paragraphs(tmp_path: Path):
    other = HARP | {"title": "Saint-Saëns (composer)", "description": ""}
    articles = read_articles(write(tmp_path, json.dumps({"Harp": HARP, other["title"]: other})))
    assert articles[0] == Article(
        title="Harp", description="Plucked instrument", extract="The harp is played.", topic="Arts"
    )
    assert [article.entity_id for article in articles] == ["Harp", "Saint-Saëns_(composer)"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"Harp": HARP})[:-9],
        json.dumps({"Lyre": HARP}),
        json.dumps({"Harp": HARP | {"extract": ""}}),
        json.dumps({"Harp": HARP | {"topic": 3}}),
        json.dumps({"Harp": HARP | {"more": "x"}}),
    ],
)
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, content: str):
    with pytest.raises(ArticlesError, match="fetch --kb wikipedia") as raised:
        read_articles(write(tmp_path, content))
    assert "\n" not in str(raised.value)


def test_a_missing_file_says_what_fetches_it(tmp_path: Path):
    with pytest.raises(ArticlesError, match="fetch --kb wikipedia"):
        read_articles(tmp_path)
