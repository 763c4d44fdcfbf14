"""Encyclopedic-VQA's knowledge base of two million Wikipedia articles (Mensink et al., ICCV 2023), as it is released.

Published: one JSON object of {address: {title, section_titles, section_texts, image_urls, ...}}, the first section of
which has the article's title. The file, of 13 GB, is read as a stream. Pictures are released apart, without names: here
each is looked for by its address. EchoSight's knowledge base of 100,000 articles has the same form.
"""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import ijson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.coco.files import expect_json
from indexer.kb.fingerprint import of_files
from indexer.kb.jsonl import first_fault
from indexer.kb.record import BadRecord, Entity
from indexer.kb.unique import first_of_each_id
from indexer.picture_paths import URL, NoPlace, downloaded
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import home

RECORD_FILE = "encyclopedic_kb_wiki.json"
PICTURES = "wikipedia_images"
ABOUT = 2_000_000  # articles
QUICKLY_COUNTED = 2**27  # bytes
LONGEST_NAME = 256  # characters, as of any record's id
LONGEST_TEXT = 2_000  # characters; the text encoder reads 256 tokens, and whole articles would swell the entity table


class Article(BaseModel):
    """The keys of an article that are used."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    title: Annotated[str, Field(min_length=1)]
    section_texts: list[str]
    image_urls: list[str] = []


class EncyclopedicVqa:
    """Records from the release's file; the text is that of the first section that has any.

    Args:
        records: the file; `encyclopedic_kb_wiki.json` in `encyclopedic_vqa_home()` if None.
        images: the folder of pictures, each under the last part of its address or the last two (`a/ab/Heron.jpg` as
            `ab/Heron.jpg` or `Heron.jpg`); `wikipedia_images` there if None. Pictures are optional, and all of an
            article's that are there are its record's.
        follow_links: whether a picture may be a link that leads out of the folder, or lie behind one.

    Raises:
        WikiClipError: the file is missing, or a folder was named that is not there.
    """

    name = "encyclopedic-vqa"

    def __init__(self, records: Path | None = None, *, images: Path | None = None, follow_links: bool = False) -> None:
        self._path = records or encyclopedic_vqa_home() / RECORD_FILE
        if not self._path.is_file():
            raise WikiClipError(
                f"Encyclopedic-VQA's knowledge base is not at {self._path}. Fetch its archive from the release, and"
                f" unpack it into {encyclopedic_vqa_home()}, or name its {RECORD_FILE} with --records FILE."
            )
        if images is not None and not images.is_dir():
            raise WikiClipError(f"There is no folder of pictures at {images}; name one with --images DIR.")
        folder = images or encyclopedic_vqa_home() / PICTURES
        self.image_root: Path | None = folder if folder.is_dir() else None
        self.follow_links = follow_links

    def __len__(self) -> int:
        return self._records

    @cached_property
    def _records(self) -> int:
        """Counted where that takes a moment; else about what the release says, which only a progress bar looks at."""
        return sum(1 for _ in self._articles()) if self._path.stat().st_size < QUICKLY_COUNTED else ABOUT

    def records(self) -> Iterator[Entity | BadRecord]:
        """Yields the entities in the file's order. Raises WikiClipError where the file itself is damaged."""
        placed = ((f"{self._path.name}: {url[:200]}", url, found) for url, found in self._articles())
        return first_of_each_id((where, self._read(where, url, found)) for where, url, found in placed)

    def fingerprint(self) -> str:
        """From dates: the file is too large to read twice. A picture added or removed changes its folder's."""
        folders = [self.image_root, *_folders(self.image_root)] if self.image_root else []
        return of_files(self.name, [self._path, *folders])

    def _articles(self) -> Iterator[tuple[str, object]]:
        empty = True
        try:
            with self._path.open("rb") as file:
                file.seek(expect_json(self._path))
                for found in ijson.kvitems(file, "", use_float=True):
                    empty = False
                    yield found
        except (ijson.JSONError, UnicodeDecodeError) as error:
            cause = str(error).splitlines()[0]
            raise WikiClipError(f"{self._path} is not JSON, or is cut off ({cause}); fetch it again.") from error
        if empty:
            raise WikiClipError(f"{self._path} is no JSON object of articles by their addresses; fetch it again.")

    def _read(self, where: str, url: str, found: object) -> Entity | BadRecord:
        name = unquote(urlsplit(url).path.removeprefix("/wiki/"))
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable()) or name in (".", "..") or not URL.match(url):
            return BadRecord(where=where, why="the key is not the address of an article")
        try:
            article = Article.model_validate(found)
        except ValidationError as error:
            return BadRecord(where=where, why=first_fault(error))
        return Entity(
            entity_id=name,
            title=article.title,
            text=next((text for text in map(str.strip, article.section_texts) if text), "")[:LONGEST_TEXT],
            images=tuple(dict.fromkeys(self._pictures(article.image_urls))),
            url=url,
            attribution="Wikipedia (CC BY-SA)",
        )

    def _pictures(self, urls: list[str]) -> Iterator[str]:
        if self.image_root is None:
            return
        for url in urls:
            try:
                yield str(downloaded(self.image_root, url).relative_to(self.image_root))
            except (NoPlace, ValueError):  # not there, or no address
                continue


def encyclopedic_vqa_home() -> Path:
    """Where the release's files are expected."""
    return home() / "encyclopedic-vqa"


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:  # which knows folders from pictures without a look at each
        return sorted(Path(entry.path) for entry in entries if entry.is_dir())
