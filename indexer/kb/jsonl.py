"""A user's own knowledge base: one JSON object a line, plain or gzipped, with a folder of pictures."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from indexer.kb.fingerprint import of_records
from indexer.kb.languages import spoken
from indexer.kb.lines import count_lines, expect_one_object_a_line, read_lines
from indexer.kb.record import BadRecord, Entity
from indexer.kb.unique import first_of_each_id
from indexer.picture_paths import URL
from wikiclip.base.errors import WikiClipError

DRIVE = re.compile(r"[A-Za-z]:[/\\]")
MOST_NAMES = 1000
MOST_KEYS = 12  # that are named of those which went to `extra`
LONGEST_EXTRA = 2**16  # characters, as JSON
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _one_line(text: str) -> str:
    if CONTROL_CHARACTERS.search(text) or text != text.strip():
        raise ValueError("must be one line that neither begins nor ends with a space")
    return text


def _has_a_path(entity_id: str) -> str:
    if entity_id in (".", ".."):
        raise ValueError("must not be one or two dots, which no path of a URL can hold")
    return entity_id


def inside_the_folder(image: str) -> str:
    """The name of a picture as it is. Raises ValueError where it leads out of the folder, or names no file in one.

    A backslash is let through: whether it is Windows' or the file's own shows in the folder.
    """
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


Name = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_one_line)]
Picture = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(inside_the_folder)]
Url = Annotated[str, Field(max_length=2048), AfterValidator(_web_page)]


TABLES = (".csv", ".tsv", ".parquet", ".xlsx", ".ods")


class Line(BaseModel):
    """What a line may hold. Keys that are not named here go to `extra`."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    entity_id: Annotated[
        str, Field(min_length=1, max_length=256), AfterValidator(_one_line), AfterValidator(_has_a_path)
    ]
    title: Name
    text: str
    images: tuple[Any, ...] = ()  # each is looked at by itself, as the url is: one that is bad is left out
    url: Any = None
    attribution: Annotated[str, Field(max_length=1024)] | None = None
    aliases: Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)] = ()
    tags: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_one_line)], ...],
        Field(max_length=MOST_NAMES),
    ] = ()
    lang: Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)] | None = None
    extra: dict[str, Any] | None = None


_PICTURE, _URL = (
    TypeAdapter[str](Picture, config=ConfigDict(strict=True)),
    TypeAdapter[str](Url, config=ConfigDict(strict=True)),
)


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
        if records.suffix.lower() in TABLES:
            raise WikiClipError(f"{records} is a table: `python -m indexer.convert table {records}` makes records.")
        if images is not None and not images.is_dir():
            raise WikiClipError(f"There is no folder of pictures at {images}; name one with --images DIR.")
        self._path = records
        self.languages = Counter[str]()  # records by what `spoken` says, once the fingerprint was taken
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
        return first_of_each_id(self._read_all(Counter()))

    def fingerprint(self) -> str:
        """Says, too, which keys were kept as `extra`: one of them may be a misspelt one. Counts languages."""
        kept = Counter[str]()
        self.languages.clear()
        told = of_records(self, self._heard(first_of_each_id(self._read_all(kept))))
        if kept:
            named = ", ".join(f"{key!r} ({count:,})" for key, count in kept.most_common(MOST_KEYS))
            more = f", and {len(kept) - MOST_KEYS} more" if len(kept) > MOST_KEYS else ""
            typer.echo(f"{self._path.name}: kept as extra, which no encoder reads: {named}{more}.", err=True)
        return told

    def _heard(self, records: Iterator[Entity | BadRecord]) -> Iterator[Entity | BadRecord]:
        """The records, whose languages are counted."""
        for record in records:
            if isinstance(record, Entity):
                self.languages[spoken(record)] += 1
            yield record

    def _read_all(self, kept: Counter[str]) -> Iterator[tuple[str, Entity | BadRecord]]:
        """Yields (where, record), and what of a record was left out before it."""
        name = self._path.name
        for number, line in read_lines(self._path):
            where = f"{name}:{number}"
            yield from ((where, record) for record in read_line(where, line, kept))


def read_line(where: str, line: bytes | None, kept: Counter[str]) -> Iterator[Entity | BadRecord]:
    """Yields what was left out of a record, and then the record.

    Args:
        kept: counts keys that went to `extra`.
    """
    if line is None:
        yield BadRecord(where=where, why="the line is too long to be a record")
        return
    try:
        read = Line.model_validate_json(line)
    except ValidationError as error:
        yield BadRecord(where=where, why=first_fault(error))
        return
    images, url, extra = [], None, None
    for place, image in enumerate(read.images):
        try:
            images.append(_PICTURE.validate_python(image))
        except ValidationError as error:
            yield BadRecord(where=where, why=f"images.{place}: {first_fault(error)}; it is left out")
    if read.url is not None:
        try:
            url = _URL.validate_python(read.url)
        except ValidationError as error:
            yield BadRecord(where=where, why=f"url: {first_fault(error)}; it is left out")
    unknown, own = read.model_extra or {}, read.extra or {}
    if any(value != unknown[key] for key, value in own.items() if key in unknown):
        yield BadRecord(
            where=where, why="extra: has a key that stands beside it, too, with another value; it is left out"
        )
    if held := {**unknown, **own}:
        try:
            extra = _as_json(held)
            kept.update(unknown.keys() - own.keys())
        except ValueError as error:
            yield BadRecord(where=where, why=f"extra: {error}; it is left out")
    yield Entity(
        entity_id=read.entity_id,
        title=read.title,
        text=read.text,
        images=tuple(images),
        url=url,
        attribution=read.attribution,
        aliases=read.aliases,
        tags=read.tags,
        lang=read.lang,
        extra=extra,
    )


def _as_json(held: dict[str, Any]) -> str:
    """Raises ValueError where it is too long, or holds a number that JSON does not have."""
    try:
        text = json.dumps(held, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise ValueError("holds a number that JSON does not have, or is nested too deeply") from None
    if len(text) > LONGEST_EXTRA:
        raise ValueError(f"takes more than {LONGEST_EXTRA:,} characters")
    return text


def first_fault(error: ValidationError) -> str:
    """The first thing a validation found, in one short sentence that does not repeat the input."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"])[:100]
    return f"{place}: {fault['msg']}" if place else fault["msg"]
