"""What a knowledge base gives: entities, and what could not be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol


class Entity(NamedTuple):
    """One record of a knowledge base. A search makes ten a query, and a frozen dataclass would take thrice as long.

    Attributes:
        entity_id: unique in its knowledge base, such as "Q1141409".
        title: the entity's name.
        text: its description; may be empty.
        images: its pictures, as paths below the knowledge base's `image_root`; may be empty.
        url: a page about the entity.
        attribution: whom to name when the record or its pictures are shown.
        aliases: other names, which a search of records finds too; no encoder reads them.
        tags: words to filter by.
        lang: the language of title and text, as a tag of BCP 47 such as "de".
        extra: whatever else the knowledge base says, as the text of a JSON object; kept, and given back.
    """

    entity_id: str
    title: str
    text: str
    images: tuple[str, ...] = ()
    url: str | None = None
    attribution: str | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    lang: str | None = None
    extra: str | None = None


BARE = 6  # fields that every record has a place for
_DEFAULTS = tuple(Entity._field_defaults.values())  # of the last fields


def filled(entity: Entity) -> int:
    """How many fields there are up to the last one that says something, `BARE` at least.

    What is kept and compared of a record ends there: a record without the later fields is the same as it was before
    there were any.
    """
    held = len(entity)
    while held > BARE and entity[held - 1] == _DEFAULTS[held - 1 - len(entity)]:
        held -= 1
    return held


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRecord:
    """A record that could not be read; it is counted and listed, and stops nothing."""

    where: str
    why: str


class KnowledgeBase(Protocol):
    """A source of entities that can be read again from its start."""

    name: str
    image_root: Path | None
    follow_links: bool  # in it, out of it

    def __len__(self) -> int:
        """How many records there are, for a progress bar; a bad record counts."""
        ...

    def records(self) -> Iterator[Entity | BadRecord]:
        """Yields every record once, in an order that does not change between runs."""
        ...

    def fingerprint(self) -> str:
        """Changes when the records or their pictures do, so that an index can tell whether it is up to date."""
        ...


def describe(entity: Entity) -> str:
    """What the text encoder reads of an entity."""
    return f"{entity.title}: {entity.text}" if entity.text else entity.title
