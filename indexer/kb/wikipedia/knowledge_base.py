"""Wikipedia's ten thousand vital articles, several hundred of them with a picture by Tux Paint or of Open Clip Art."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from indexer.kb.fingerprint import of_records
from indexer.kb.pictures.clipart import CLIPART, read_clipart
from indexer.kb.pictures.match import Matches, Overrides, Stamp, match_pictures, with_photographs
from indexer.kb.pictures.tuxpaint import STAMPS, crops, read_stamps
from indexer.kb.record import BadRecord, Entity
from indexer.kb.visual import is_visual
from indexer.kb.wikipedia.articles import Article, read_articles
from indexer.kb.wikipedia.senses import TitleSenses

OVERRIDES = Path(__file__).with_name("pictures.toml")
SHARE = "usr/share"  # below the folder that the Debian packages are unpacked in; above both collections of pictures
STAMPS_PREFIX, CLIPART_PREFIX = (f"{folder.removeprefix(SHARE + '/')}/" for folder in (STAMPS, CLIPART))
SOURCES = {STAMPS_PREFIX: "Tux Paint stamps", CLIPART_PREFIX: "Open Clip Art, public domain"}
_SENTENCE = re.compile(r"(?<=[a-z\d)\"'\u2019]{2}[.!?])\s+(?=[A-Z\"\u201c])")


class Wikipedia:
    """Articles as records; a record that a picture shows has that picture as its one picture.

    Left out, unless a picture shows them or everything is asked for: articles about what cannot be seen.

    Args:
        root: the folder that the Debian packages are unpacked in.
        articles: the folder that the package of articles is unpacked in.
        everything: whether what cannot be seen is a record, too.

    Raises:
        WikiClipError: the articles are not there, or not whole. Pictures are looked for when they are first needed.
    """

    name = "wikipedia"

    def __init__(self, root: Path, articles: Path, *, everything: bool = False) -> None:
        self._all = read_articles(articles)
        self._everything = everything
        self.image_root: Path | None = root / SHARE
        self.follow_links = False

    @cached_property
    def stamps(self) -> tuple[Stamp, ...]:
        """Every picture that shows an entity, with the photograph or drawing that it is; takes a while, since it opens
        them all."""
        assert self.image_root is not None
        unmatched = (path for path, _ in self.matches.unmatched if path.startswith(STAMPS_PREFIX))
        return with_photographs(self.image_root, self.matches, crops=crops(STAMPS_PREFIX), others=unmatched)

    @cached_property
    def matches(self) -> Matches:
        """Which picture shows which entity, by caption and folder."""
        assert self.image_root is not None
        pictures = [
            *read_clipart(self.image_root / CLIPART_PREFIX, prefix=CLIPART_PREFIX),
            *read_stamps(self.image_root / STAMPS_PREFIX, prefix=STAMPS_PREFIX),
        ]
        senses = TitleSenses(filter(can_be_seen, self._all), (article.entity_id for article in self._all))
        return match_pictures(pictures, senses, Overrides.read(OVERRIDES))

    @cached_property
    def _picture_of(self) -> dict[str, str]:
        return {entity_id: pictures[0].path for entity_id, pictures in self.matches.by_entity().items()}

    @cached_property
    def articles(self) -> list[Article]:
        """Those that are records, in their order."""
        return [
            article
            for article in self._all
            if self._everything or article.entity_id in self._picture_of or can_be_seen(article)
        ]

    def __len__(self) -> int:
        return len(self.articles)

    def records(self) -> Iterator[Entity | BadRecord]:
        """Yields the entities in the articles' order."""
        for article in self.articles:
            picture = self._picture_of.get(article.entity_id)
            source = next((name for prefix, name in SOURCES.items() if picture and picture.startswith(prefix)), None)
            yield Entity(
                entity_id=article.entity_id,
                title=article.title,
                text=describe(article),
                images=(picture,) if picture else (),
                url="https://en.wikipedia.org/wiki/" + quote(article.entity_id),
                attribution=f"Wikipedia, “{article.title}”, CC BY-SA 4.0" + (f"; picture: {source}" if source else ""),
            )

    def fingerprint(self) -> str:
        return of_records(self)


def can_be_seen(article: Article) -> bool:
    """Whether a picture can show what an article is about."""
    return is_visual(article.title, article.description or first_sentence(article.extract), topic=article.topic)


def describe(article: Article) -> str:
    """The first paragraph, then the short description. A text encoder may read no more than the first words, and the
    first sentence finds the article more often than its description does (docs/notebook/quality.md)."""
    return f"{article.extract} {article.description}." if article.description else article.extract


def first_sentence(text: str) -> str:
    """A text up to the end of its first sentence."""
    return _SENTENCE.split(text, maxsplit=1)[0]
