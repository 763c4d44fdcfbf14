"""Intension: an entity's name with the word for what it is (PL-VEL, "Text Reference Construction")."""

from collections.abc import Sequence

from training.annotate.references.kinds import Kind, telling
from training.annotate.references.templates import Templates


def with_kind(name: str, kinds: Sequence[Kind], templates: Templates) -> str | None:
    """Returns such as "giraffe, a kind of mammal"; None where nothing tells what it is, or its name does already."""
    kind = telling(kinds)
    if kind is None or kind.name in name.lower():
        return None
    return templates.with_kind.format(name=name, kind=kind.name)
