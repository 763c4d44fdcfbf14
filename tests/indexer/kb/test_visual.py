import tomllib
from pathlib import Path

import pytest

from indexer.kb.visual import is_visual, noun_of
from indexer.kb.wikipedia.articles import read_articles
from indexer.kb.wikipedia.knowledge_base import can_be_seen
from wikiclip.base.paths import articles_root

JUDGED = Path(__file__).with_name("visual_judged.toml")


@pytest.mark.parametrize(
    ("description", "noun"),
    [
        ("Genus of mammals", "mammal"),
        ("Kind of loud instrument of the brass family", "instrument"),
        ("Branch of mathematics", "branch"),
        ("Physical concept expressed by a formula", "concept"),
        ("17th-century Dutch style of painting", "painting"),
        ("City in Ohio, US", "city"),
        ("Shallow lake in a valley", "lake"),
        ("A carp is a bony fish of the family Cyprinidae", "fish"),
        ("Group of diseases of the skin", "disease"),
        ("", ""),
    ],
)
def test_a_description_says_what_its_entity_is(description: str, noun: str):
    assert noun_of(description) == noun


@pytest.mark.parametrize(
    ("title", "description", "topic", "visual"),
    [
        ("Harp", "Stringed instrument that is plucked", "Arts", True),
        ("Marie Curie", "Member of a movement", "People", True),
        ("Taekwondo", "Kind of martial art", "Everyday life", True),
        ("Cube", "Solid with six faces", "Mathematics", True),
        ("Field", "Structure in which one adds", "Mathematics", False),
        ("History of Peru", "", "History", False),
        ("1905", "Year", "", False),
        ("Han dynasty", "Dynasty of emperors", "", False),
        ("Latin", "Language of the Romans", "", False),
        # OVEN's records have a summary and no topic.
        ("Herring gull", "The herring gull is a large gull of northern coasts.", "", True),
        ("Entropy", "Entropy is a concept of physics that tells how things mix.", "", False),
    ],
)
def test_what_a_picture_can_show(title: str, description: str, topic: str, visual: bool):
    assert is_visual(title, description, topic=topic) == visual


@pytest.mark.data
def test_it_agrees_with_judgement_by_hand(wikipedia_data: Path):
    articles = {article.title: article for article in read_articles(articles_root())}
    judged: dict[str, list[str]] = tomllib.loads(JUDGED.read_text(encoding="utf-8"))
    assert len(judged["visual"]) + len(judged["not_visual"]) == 200
    removed = {title for titles in judged.values() for title in titles if not can_be_seen(articles[title])}
    right = len(removed.intersection(judged["not_visual"]))
    assert right / len(removed) >= 0.92, "precision"
    assert right / len(judged["not_visual"]) >= 0.79, "recall"
