"""What an entity is one of, or a kind of: its super-categories, from whatever knows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A super-category.

    Attributes:
        name: in lower case, such as "mammal".
        everyday: whether it is a word that everybody, and so a segmenter that reads words, knows.
    """

    name: str
    everyday: bool = False


class Kinds(Protocol):
    """Knows what entities are. Safe on any thread."""

    def of(self, entity_id: str | None, name: str) -> Sequence[Kind]:
        """Returns the kinds of an entity, the nearest first; none where nothing is known of it."""
        ...

    def fingerprint(self) -> str: ...  # changes when an answer could


class SeveralKinds:
    """Sources that are asked in turn; what an earlier one says comes first."""

    def __init__(self, sources: Sequence[Kinds]) -> None:
        self._sources = sources

    def of(self, entity_id: str | None, name: str) -> list[Kind]:
        by_name: dict[str, Kind] = {}
        for source in self._sources:
            for kind in source.of(entity_id, name):
                by_name.setdefault(kind.name, kind)
        return list(by_name.values())

    def fingerprint(self) -> str:
        return " ".join(source.fingerprint() for source in self._sources)


def telling(kinds: Sequence[Kind]) -> Kind | None:
    """Returns the kind that a reference names: the nearest everyday one, else the nearest of all."""
    return next((kind for kind in kinds if kind.everyday), kinds[0] if kinds else None)
