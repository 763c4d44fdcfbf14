"""A user's own knowledge base: one JSON object a line, plain or gzipped, with a folder of pictures."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.fingerprint import of_records
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.kb.record import BadRecord, Entity
from indexer.kb.unique import first_of_each_id
from indexer.picture_paths import URL
from wikiclip.base.errors import WikiClipError

DRIVE = re.compile(r"[A-Za-z]:[/\\]")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _one_line(text: str) -> str:
    if CONTROL_CHARACTERS.search(text) or text != text.strip():
        raise ValueError("must be one line that neither begins nor ends with a space")
    return text


def _has_a_path(entity_id: str) -> str:
    if entity_id in (".", ".."):
        raise ValueError("must not be one or two dots, which no path of a URL can hold")
    return entity_id


def _inside_the_folder(image: str) -> str:
    """A backslash is let through: whether it is Windows' or the file's own shows in the folder."""
    if URL.match(_one_line(image)):
        raise ValueError("is a URL: download the picture, and give its path inside the folder of pictures")
    if image.startswith("/") or DRIVE.match(image):
        raise ValueError("must be a path inside the folder of pictures, and begins elsewhere")
    if ".." in re.split(r"[/\\]", image):
        raise ValueError("must be a path inside the folder of pictures, and goes up with two dots")
    return image


def _web_page(url: str) -> str:
    if not _one_line(url).startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url


class Line(BaseModel):
    """What a line may hold. An unknown key is an error, so that a misspelt one does not go unnoticed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    entity_id: Annotated[
        str, Field(min_length=1, max_length=256), AfterValidator(_one_line), AfterValidator(_has_a_path)
    ]
    title: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_one_line)]
    text: str
    images: tuple[Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_inside_the_folder)], ...] = ()
    url: Annotated[str, Field(max_length=2048), AfterValidator(_web_page)] | None = None
    attribution: Annotated[str, Field(max_length=1024)] | None = None


class JsonLines:
    """Records from a file of JSON lines.

    Args:
        records: the file.
        images: the folder that the records' pictures are named from; the file's own folder if None.
        follow_links: whether a picture may be a link that leads out of the folder, or lie behind one.

    Raises:
        WikiClipError: the file or the folder is not there.
    """

    name = "jsonl"

    def __init__(self, records: Path, *, images: Path | None = None, follow_links: bool = False) -> None:
        if not records.is_file():
            raise WikiClipError(f"There is no file of records at {records}; name one with --records FILE.")
        if images is not None and not images.is_dir():
            raise WikiClipError(f"There is no folder of pictures at {images}; name one with --images DIR.")
        self._path = records
        self.image_root: Path | None = images or records.parent
        self.follow_links = follow_links

    def __len__(self) -> int:
        return self._lines

    @cached_property
    def _lines(self) -> int:
        return count_lines(self._path)

    def records(self) -> Iterator[Entity | BadRecord]:
        """Yields the entities in the file's order. Raises WikiClipError where the file itself is damaged."""
        expect_one_object_a_line(self._path)
        name = self._path.name
        return first_of_each_id((f"{name}:{n}", _read(f"{name}:{n}", line)) for n, line in read_lines(self._path))

    def fingerprint(self) -> str:
        return of_records(self)


def _read(where: str, line: bytes | None) -> Entity | BadRecord:
    if line is None:
        return BadRecord(where=where, why="the line is too long to be a record")
    try:
        return Entity(**dict(Line.model_validate_json(line)))
    except ValidationError as error:
        return BadRecord(where=where, why=first_fault(error))


def first_fault(error: ValidationError) -> str:
    """The first thing a validation found, in one short sentence that does not repeat the input."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"])[:100]
    return f"{place}: {fault['msg']}" if place else fault["msg"]
