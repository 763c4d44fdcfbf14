"""Which entities a search or a list is about, by their tags."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_TAGS = 64  # of each of the three that a request may name
LONGEST_TAG = 128  # characters, as a record's tag may have


@dataclass(frozen=True, slots=True)
class TagFilter:
    """An entity passes that has one of `any`, every one of `all` and no one of `none`; what is empty asks nothing.

    Tags are compared as they are written. One that no entity has is no error: it matches nothing. Make one with `of`,
    by which equal filters are equal.
    """

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    @classmethod
    def of(cls, any: Iterable[str] = (), all: Iterable[str] = (), none: Iterable[str] = ()) -> "TagFilter | None":
        """A filter by these tags, in any order and however often; None where they ask nothing."""
        found = cls(*(tuple(sorted(set(tags))) for tags in (any, all, none)))
        return None if found == cls() else found

    def told(self) -> dict[str, list[str]]:
        """The filter as `of_mapping` takes it, without what asks nothing."""
        each = {"any": self.any, "all": self.all, "none": self.none}
        return {name: list(tags) for name, tags in each.items() if tags}

    @classmethod
    def of_mapping(cls, tags: "AnyTags") -> "TagFilter | None":
        """The filter of `{"any": [...], "all": [...], "none": [...]}`, of which each may be left out.

        Raises:
            ValueError: another key is there, or a text stands where a list of texts belongs.
        """
        if tags is None:
            return None
        if isinstance(tags, TagFilter):
            return cls.of(tags.any, tags.all, tags.none)
        if not tags.keys() <= {"any", "all", "none"} or any(isinstance(each, str) for each in tags.values()):
            raise ValueError("tags are given as lists under `any`, `all` and `none`")
        return cls.of(**tags)


AnyTags = TagFilter | Mapping[str, Iterable[str]] | None  # as callers may give them
