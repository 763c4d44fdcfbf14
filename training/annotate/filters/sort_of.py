"""What sort of entity something is, by its nearest kind that a table knows: `types.toml`."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from indexer.kb.visual import singular
from training.annotate.references.kinds import Kind
from wikiclip.base.files import sha256

FILE = Path(__file__).with_name("types.toml")
Group = Literal["non_visual", "place", "visible"]
GROUPS: tuple[Group, ...] = ("non_visual", "place", "visible")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sort:
    """Such as the event, which is not visual."""

    name: str
    group: Group


@dataclass(frozen=True, kw_only=True, slots=True)
class Types:
    """All that the file holds."""

    by_kind: dict[str, Sort]
    by_last_word: dict[str, Sort]
    interrogatives: dict[str, re.Pattern[str]]


@cache
def packaged() -> Types:
    """Reads the package's own table."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    sorts = {name: Sort(name=name, group=group) for group in GROUPS for name in found[group]}
    return Types(
        by_kind={
            word: sorts[name] for group in GROUPS for name, words in found[group].items() for word in _words(words)
        },
        by_last_word={word: sorts[name] for name, words in found["last_word"].items() for word in _words(words)},
        interrogatives={name: re.compile(each, re.IGNORECASE) for name, each in found["interrogatives"].items()},
    )


def fingerprint() -> str:
    """Changes when the table does."""
    return sha256(FILE)


def sort_of(name: str, told: str | None, kinds: Sequence[Kind], types: Types) -> Sort | None:
    """Returns what an entity is; None where nothing says it.

    Args:
        told: what whoever labelled it says that it is: before all else.
        kinds: the nearest first.
    """
    words = ([told.strip().lower()] if told else []) + [name.lower()] + [kind.name for kind in kinds]
    for word in words:
        if sort := types.by_kind.get(word) or types.by_kind.get(singular(word)):
            return sort
    last = name.partition(" of ")[0].partition(" (")[0].split()
    return types.by_last_word.get(last[-1].lower()) if len(last) > 1 or (last and " of " in name) else None


def _words(listed: str) -> list[str]:
    return [word.strip().replace("\n", " ") for word in listed.split(",") if word.strip()]
