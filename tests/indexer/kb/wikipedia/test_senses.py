import pytest

from indexer.kb.pictures.match import NONE
from indexer.kb.wikipedia.articles import Article
from indexer.kb.wikipedia.senses import TitleSenses

LIFE, PHYSICS, THINGS = "Biology and health sciences", "Physical sciences", "Technology"


def article(title: str, topic: str) -> Article:
    return Article(title=title, description="", extract="", topic=topic)


ARTICLES = [
    article("Crane (machine)", THINGS),
    article("Crane (bird)", LIFE),
    article("Mars (mythology)", "Philosophy and religion"),
    article("Mars", PHYSICS),
    article("Cattle", LIFE),
    article("Dog", LIFE),
]
SENSES = TitleSenses(ARTICLES, [*(article.entity_id for article in ARTICLES), "1905"])


@pytest.mark.parametrize(
    ("name", "topic", "found"),
    [
        ("crane", "animals/birds", "Crane_(bird)"),
        ("crane", "tools", "Crane_(machine)"),
        ("crane", "vehicles", "Crane_(machine)"),  # a folder that the table does not name
        ("mars", "space", "Mars"),
        ("mars", "recreation/religion", "Mars_(mythology)"),
        ("cow", "animals", "Cattle"),  # by the table of names
        ("cow", "tools", None),
        ("hot dog", "food", NONE),
        ("1905", "people", None),
    ],
)
def test_a_folder_tells_the_sense(name: str, topic: str, found: str | None):
    assert SENSES.find(name, topic) == found


def test_any_article_may_be_named_by_hand():
    assert "1905" in SENSES
    assert "1906" not in SENSES
