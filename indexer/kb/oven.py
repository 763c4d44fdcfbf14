"""OVEN's knowledge base of six million Wikipedia entities (Hu et al., ICCV 2023), as its release has it."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.fingerprint import of_files
from indexer.kb.jsonl import first_fault
from indexer.kb.lines import count_lines, expect_one_object_a_line, expect_whole, read_lines
from indexer.kb.record import BadRecord, Entity
from indexer.kb.unique import first_of_each_id
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import home

RECORD_FILES = (
    "Wiki6M_ver_1_0.jsonl.gz",
    "Wiki6M_ver_1_0.jsonl",
    "Wiki6M_ver_1_0_title_only.jsonl",
    "Wiki6M_ver_1_0_title_only.jsonl.gz",
)
PICTURES = "wikipedia_images_full"
RELEASED_RECORDS = 6_063_945
QUICKLY_COUNTED = 2**28  # bytes
LONGEST_FALLBACK = (
    2_000  # characters; the text encoder reads 256 tokens, and whole articles would swell the entity table
)


class Line(BaseModel):
    """The keys of a record that are used; the title-only file has no texts."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    wikidata_id: Annotated[str, Field(pattern=r"^Q[0-9]+$")]
    wikipedia_title: Annotated[str, Field(min_length=1)]
    wikipedia_summary: str | None = None
    wikipedia_content: str | None = None
    wikipedia_image_url: str | None = None


class Oven:
    """Records from OVEN's file, and the entity pictures that are there.

    Args:
        records: the record file; if None, the first of `RECORD_FILES` in `oven_home()`.
        images: the folder that holds `wikipedia_images_full`; `oven_home()` if None. Pictures are optional.
        follow_links: whether a picture may be a link that leads out of the folder, or lie behind one.

    Attributes:
        path: the record file.

    Raises:
        WikiClipError: the record file is missing, or a folder was named that holds no pictures.
    """

    name = "oven"

    def __init__(self, records: Path | None = None, *, images: Path | None = None, follow_links: bool = False) -> None:
        if images is not None and not (images / PICTURES).is_dir():
            raise WikiClipError(f"{images} holds no folder {PICTURES}; name the folder above it with --images DIR.")
        self.path = _record_file(records)
        folder = images or oven_home()
        self.image_root: Path | None = folder if (folder / PICTURES).is_dir() else None
        self.follow_links = follow_links

    def __len__(self) -> int:
        return self._records

    @cached_property
    def _records(self) -> int:
        """Counted where that takes a moment; else the release's own number, which only a progress bar looks at."""
        return count_lines(self.path) if self.path.stat().st_size < QUICKLY_COUNTED else RELEASED_RECORDS

    def records(self) -> Iterator[Entity | BadRecord]:
        expect_one_object_a_line(self.path)
        name = self.path.name
        return first_of_each_id((f"{name}:{n}", self._read(f"{name}:{n}", line)) for n, line in read_lines(self.path))

    def expect_whole(self) -> None:
        """Raises WikiClipError where a record file was cut off: a build of days should not end in finding that."""
        expect_whole(self.path)

    def fingerprint(self) -> str:
        """From dates: the record file is too large to read twice. A picture added or removed changes its folder's."""
        folders = sorted((self.image_root / PICTURES).iterdir()) if self.image_root else []
        return of_files(self.name, [self.path, *folders])

    def _read(self, where: str, line: bytes | None) -> Entity | BadRecord:
        if line is None:
            return BadRecord(where=where, why="the line is too long to be a record")
        try:
            record = Line.model_validate_json(line)
        except ValidationError as error:
            return BadRecord(where=where, why=first_fault(error))
        return Entity(
            entity_id=record.wikidata_id,
            title=record.wikipedia_title,
            text=_text(record),
            images=self._pictures(record.wikidata_id),
            url="https://en.wikipedia.org/wiki/" + quote(record.wikipedia_title.replace(" ", "_")),
            attribution="Wikipedia (CC BY-SA)",
        )

    def _pictures(self, entity_id: str) -> tuple[str, ...]:
        picture = f"{PICTURES}/{entity_id[:4]}/{entity_id}.jpg"
        return (picture,) if self.image_root is not None and (self.image_root / picture).is_file() else ()


def oven_home() -> Path:
    """Where the release's files are expected."""
    return home() / "oven"


def _text(record: Line) -> str:
    summary = (record.wikipedia_summary or "").strip()
    return summary or (record.wikipedia_content or "").strip()[:LONGEST_FALLBACK]


def _record_file(named: Path | None) -> Path:
    candidates = [named] if named is not None else [oven_home() / name for name in RECORD_FILES]
    for path in candidates:
        if path.is_file():
            return path
    raise WikiClipError(
        f"OVEN's record file is not at {named or oven_home()}. Fetch one of {', '.join(RECORD_FILES)} from OVEN's"
        f" release and put it into {oven_home()}, or name it with --records FILE; entity pictures are looked for in"
        f" {oven_home() / PICTURES} (--images DIR names the folder above)."
    )
