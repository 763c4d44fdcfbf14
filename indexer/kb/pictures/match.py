"""Pictures matched to the entities that their captions name, the same for every collection and knowledge base."""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from indexer.kb.pictures.captions import names
from indexer.kb.pictures.twins import photographs
from wikiclip.base.errors import WikiClipError

MIRROR = "_mirror"  # in the path of a picture that is another one mirrored
NONE = "none"  # in a table of overrides: the picture shows no entity that a person would name it by


class PicturesError(WikiClipError):
    """The pictures are missing, or a table of overrides does not fit them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Captioned:
    """A picture with an alpha channel, and what is known of it without opening it.

    Attributes:
        path: where it is below the knowledge base's `image_root`.
        caption: what its author says it is; may be empty.
        topic: the folder of its collection that it lies in, a hint of its sense: "animals", "food/fruit".
        drawn: whether it is known to be a drawing.
        rank: of the pictures of an entity its record shows one with the lowest.
    """

    path: str
    caption: str
    topic: str
    drawn: bool
    rank: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A picture with an alpha channel that shows one entity.

    Attributes:
        path: where it is below the knowledge base's `image_root`.
        caption: what its author says it is.
        entity_id: the entity it shows.
        drawn: whether it is known to be a drawing; `is_drawing` tells of the others.
        rank: of the pictures of an entity its record shows one with the lowest.
    """

    path: str
    caption: str
    entity_id: str
    drawn: bool = False
    rank: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp(Match):
    """A match that knows its photograph.

    Attributes:
        photograph: which photograph or drawing it is: the path of the first picture that was made from it, matched or
            not. Stamps made from the same one share it, also across entities.
    """

    photograph: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Pictures that show an entity, and (path, caption) of those for which none was found; both in order of paths."""

    matches: tuple[Match, ...]
    unmatched: tuple[tuple[str, str], ...]

    def by_entity(self) -> dict[str, list[Match]]:
        """entity_id -> its pictures, the one for its record first: of one rank mirrored ones come last."""

        def rank(match: Match) -> tuple[int, bool, str]:
            return match.rank, MIRROR in match.path, match.path

        pictures = defaultdict(list)
        for match in sorted(self.matches, key=rank):
            pictures[match.entity_id].append(match)
        return dict(pictures)


class Senses(Protocol):
    """What names mean in a knowledge base."""

    def find(self, name: str, topic: str) -> str | None:
        """The id of the entity that a name means in a picture of this topic; None where shorter names may tell, and
        `NONE` where they would mislead: a hot dog is no dog."""
        ...

    def __contains__(self, entity_id: object) -> bool:
        """Whether there is an entity with this id."""
        ...


@dataclass(frozen=True)
class Overrides:
    """What was decided by looking at the pictures: path, or folder that ends in a slash -> entity id or `NONE`."""

    table: Path
    entity_of: Mapping[str, str]

    @staticmethod
    def read(table: Path) -> "Overrides":
        """Reads a table whose sections are named after the folder that their paths are below."""
        sections: dict[str, dict[str, str]] = tomllib.loads(table.read_text(encoding="utf-8"))
        entity_of = {
            f"{folder}/{path}" if folder else path: entity_id
            for folder, paths in sections.items()
            for path, entity_id in paths.items()
        }
        return Overrides(table, entity_of)

    def find(self, path: str) -> str | None:
        """What a picture shows; what is said of a picture holds for its mirror, and goes before what is said of its
        folder."""
        original = path.replace(MIRROR, "")
        return self.entity_of.get(original) or self.entity_of.get(original.rpartition("/")[0] + "/")


def match_pictures(pictures: Iterable[Captioned], senses: Senses, overrides: Overrides) -> Matches:
    """Matches every picture by its caption and topic, or by the table of overrides.

    Raises:
        PicturesError: the table names a picture or an entity that does not exist.
    """
    pictures = list(pictures)
    there = {picture.path for picture in pictures}
    there |= {path.rpartition("/")[0] + "/" for path in there}
    known = {entity_id for entity_id in overrides.entity_of.values() if entity_id == NONE or entity_id in senses}
    if unknown := (overrides.entity_of.keys() - there) | (set(overrides.entity_of.values()) - known):
        raise PicturesError(f"{overrides.table.name} names what does not exist: {', '.join(sorted(unknown))}.")
    matches, unmatched = [], []
    for picture in pictures:
        entity_id = overrides.find(picture.path) or match_caption(picture.caption, picture.topic, senses)
        if entity_id is None or entity_id == NONE:
            unmatched.append((picture.path, picture.caption))
        else:
            matches.append(
                Match(
                    path=picture.path,
                    caption=picture.caption,
                    entity_id=entity_id,
                    drawn=picture.drawn,
                    rank=picture.rank,
                )
            )
    return Matches(matches=tuple(matches), unmatched=tuple(unmatched))


def match_caption(caption: str, topic: str, senses: Senses) -> str | None:
    """The entity, or `NONE`, that the longest name in a caption means, where one of them means any."""
    return next(filter(None, (senses.find(name, topic) for name in names(caption))), None)


def with_photographs(
    root: Path, found: Matches, *, crops: Mapping[str, str], others: Iterable[str] = ()
) -> tuple[Stamp, ...]:
    """Opens all matched pictures to tell which were made from the same photograph.

    Args:
        root: the folder that their paths are below.
        crops: pictures that were cut out of another.
        others: unmatched pictures that may be the original of a matched one.

    Raises:
        WikiClipError: a picture cannot be opened.
    """
    photograph = photographs(root, [*(match.path for match in found.matches), *others], crops=crops)
    return tuple(
        Stamp(
            path=match.path,
            caption=match.caption,
            entity_id=match.entity_id,
            drawn=match.drawn,
            rank=match.rank,
            photograph=photograph[match.path],
        )
        for match in found.matches
    )
