"""Which article of Wikipedia a name in a picture's caption means."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from indexer.kb.pictures.captions import spelt
from indexer.kb.pictures.match import NONE
from indexer.kb.wikipedia.articles import Article

NAMES = Path(__file__).with_name("names.toml")

_THINGS = ("Technology", "Everyday life", "Arts", "Society and social sciences", "Uncategorized")
# Which topics of the articles the pictures of a folder belong to. The longest folder that is named counts.
FOLDER_TOPICS: Mapping[str, tuple[str, ...]] = {
    "": _THINGS,
    "animals": ("Biology and health sciences", "Uncategorized"),
    "animals/fantasy": ("Philosophy and religion",),
    "buildings": (*_THINGS, "Geography", "Philosophy and religion", "History"),
    "food": ("Everyday life", "Biology and health sciences", "Uncategorized"),
    "geography": ("Geography", "Physical sciences", "Uncategorized"),
    "geography/astronomy": ("Physical sciences", "Uncategorized"),
    "medical": ("Biology and health sciences", "Technology", "Uncategorized"),
    "naturalforces": ("Physical sciences", "Uncategorized"),
    "people": ("People", "Philosophy and religion", "Biology and health sciences", *_THINGS),
    "people/clothing": ("Everyday life", "Technology", "Society and social sciences"),
    "plants": ("Biology and health sciences", "Everyday life", "Uncategorized"),
    "recreation/religion": ("Philosophy and religion",),
    "science": (*_THINGS, "Physical sciences", "Biology and health sciences"),
    "seasonal": (*_THINGS, "Biology and health sciences", "Philosophy and religion"),
    "space": ("Physical sciences", "Technology", "Uncategorized"),
    "town": (*_THINGS, "Geography", "Philosophy and religion", "History"),
    "unsorted": (*_THINGS, "Biology and health sciences"),
}


class TitleSenses:
    """The articles that names can mean: those of the same title, "Crane (bird)" too, and those of a table of names.

    Args:
        articles: those that a picture can show.
        every: ids of all articles, which a table of overrides may name.
    """

    def __init__(self, articles: Iterable[Article], every: Iterable[str]) -> None:
        self._every = frozenset(every)
        self._topic: dict[str, str] = {}
        self._senses: defaultdict[str, list[str]] = defaultdict(list)
        # Of "Orange" and "Orange (fruit)" the one that needs no explanation goes first.
        for article in sorted(articles, key=lambda article: "(" in article.title):
            self._topic[article.entity_id] = article.topic
            self._senses[spelt(re.sub(r"\s*\(.*\)$", "", article.title))].append(article.entity_id)
        names: dict[str, dict[str, str]] = tomllib.loads(NAMES.read_text(encoding="utf-8"))
        self._named = names["names"]

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self._every

    def find(self, name: str, topic: str) -> str | None:
        """The article that a name means in a picture of this topic; `NONE` where the table says that it means none."""
        if self._named.get(name) == NONE:
            return NONE
        topics = FOLDER_TOPICS[max((folder for folder in FOLDER_TOPICS if _within(topic, folder)), key=len)]
        named = [self._named[name]] if name in self._named else []
        return next((found for found in named + self._senses.get(name, []) if self._topic.get(found) in topics), None)


def _within(topic: str, folder: str) -> bool:
    return not folder or topic == folder or topic.startswith(f"{folder}/")
