"""Which column of a table holds what of a record."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from indexer.convert.outcome import Note, shown
from indexer.convert.usual import fitting, usual_headers
from wikiclip.base.errors import WikiClipError

MOST_LISTED = 500  # characters
NEEDED = ("entity_id", "title")
MISSED = {"text": "descriptions", "images": "pictures"}
OPTIONS = {"entity_id": "--id", "images": "--image"}  # of the others, the key's own name
SEVERAL = ("images", "aliases", "tags")
ROLE_SEPARATOR = re.compile(r"(\w+)=(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns by the keys of a record's line; a text and pictures may come of several.

    Attributes:
        split: what separates several in one cell, by the keys of `SEVERAL`.
        language: of every record, where no column says.
        left_out: columns that no record has anything of.
        rivals: columns that would have done as well as the one that was found, by the keys of a line whose column was
            found and not named.
    """

    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(SEVERAL, ";"))
    language: str | None = None
    left_out: tuple[str, ...] = ()
    rivals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def among(self, header: Sequence[str]) -> "Columns":
        """The same, with columns of this header in the place of what was not named.

        Raises:
            WikiClipError: a column that was named is not there, none holds ids or titles, or several of several
                languages would do.
        """
        named = dict(self.named)
        expect_columns([*(column for of in named.values() for column in of), *self.left_out], header)
        taken = {column for of in named.values() for column in of}
        if both := taken & {*self.left_out}:
            raise WikiClipError(f"The column {shown(min(both))} is to be left out, and named for something else, too.")
        taken |= {*self.left_out}
        rivals = {}
        for key in usual_headers():
            found, is_plain = (
                ([], True) if key in named else fitting(key, [name for name in header if name not in taken])
            )
            if not is_plain:
                raise WikiClipError(f"Which column has the {key}? {_and(found)} would do: name one with {option(key)}.")
            if found:
                named[key], rivals[key] = (found[0],), tuple(found[1:])
                taken.add(found[0])
        for key in NEEDED:
            if key not in named:
                raise WikiClipError(f"Which column has the {key}? Name it with {option(key)}: {listed(header)}.")
        return replace(self, named=named, rivals=rivals)

    def told(self) -> str:
        """For people: which column became what."""
        return ", ".join(f"{key} of {' and '.join(columns)}" for key, columns in self.named.items())

    def notes(self, header: Sequence[str], *, with_pictures: bool) -> Iterator[Note]:
        """What of the choice a user should look at: columns that were not found or were passed over, and what becomes
        public.

        Args:
            with_pictures: whether there is a folder of them.
        """
        for key, kind in MISSED.items():
            if key not in self.named and (key != "images" or with_pictures):
                yield Note(f"No column of {kind} was found: name it with {option(key)}.")
        for key, others in self.rivals.items():
            if others:
                yield Note(
                    f"{key} is of {shown(self.named[key][0])}, though {_and(others)} would do, too:"
                    f" {option(key)} names another."
                )
        taken = {column for columns in self.named.values() for column in columns} | {*self.left_out}
        yield from kept_in_extra([column for column in header if column not in taken])


def separators(asked: Sequence[str]) -> dict[str, str]:
    """What separates several in a cell, by the keys of `SEVERAL`.

    Args:
        asked: separators, or `tags=SEPARATOR`; what is said of one key goes before what is said of all.

    Raises:
        WikiClipError: one is empty, or of what takes none.
    """
    everywhere, of = ";", dict[str, str]()
    for each in asked:
        found = ROLE_SEPARATOR.fullmatch(each)
        separator = found[2] if found else each
        if not separator:
            raise WikiClipError(f"--split {shown(each)} names no separator: write one, such as ';'.")
        if found is None:
            everywhere = separator
        elif (key := {"image": "images"}.get(found[1], found[1])) in SEVERAL:
            of[key] = separator
        else:
            raise WikiClipError(f"--split {shown(each)}: only {', '.join(SEVERAL)} are split.")
    return dict.fromkeys(SEVERAL, everywhere) | of


def expect_columns(named: Iterable[str], header: Sequence[str]) -> None:
    """Raises WikiClipError where one that is named is not there."""
    for column in named:
        if column not in header:
            raise WikiClipError(f"There is no column {shown(column)}: the table has {listed(header)}.")


def kept_in_extra(columns: Sequence[str]) -> Iterator[Note]:
    """Says which columns become public without being asked for, all of them."""
    if columns:
        yield Note(
            f"Kept in extra, which no encoder reads and everybody who may ask sees: {_and(columns)}."
            " --leave-out COLUMN keeps one out."
        )


def listed(header: Sequence[str]) -> str:
    """The columns of a table, for a line."""
    return ", ".join(header)[:MOST_LISTED]


def option(key: str) -> str:
    """Of the command line, that names the columns of a key."""
    return OPTIONS.get(key, f"--{key}")


def _and(columns: Sequence[str]) -> str:
    return ", ".join(map(shown, columns))
