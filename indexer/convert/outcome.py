"""What becomes of converted records: lines in a file, and a count of everything that was lost on the way."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from indexer.kb.jsonl import read_line
from indexer.kb.record import BadRecord, Entity
from indexer.kb.unique import first_of_each_id
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_file

MOST_REASONS = 30  # that are printed
LONGEST_SHOWN = 120  # characters of a name


@dataclass(frozen=True, slots=True)
class Draft:
    """A record as a converter makes it, by the keys of a line; `where` is its place in the source."""

    where: str
    line: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the records do not have, though the source does.

    Attributes:
        why: one sentence for all of its kind, to count them by.
        record: whether a whole record is lost, and not a part of one.
        name: of a picture, as the source has it; empty where the loss is of something else.
    """

    where: str
    why: str
    record: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A line that a user should read behind what was lost."""

    text: str


class Losses:
    """Counts losses by what they are, with the place of the first of each."""

    def __init__(self) -> None:
        self._counts, self._first = Counter[tuple[str, bool]](), dict[tuple[str, bool], Loss]()

    def add(self, loss: Loss) -> None:
        key = (loss.why, loss.record)
        self._counts[key] += 1
        self._first.setdefault(key, loss)

    def __len__(self) -> int:
        """How many there are."""
        return self._counts.total()

    def lines(self) -> list[str]:
        """For people: the most frequent first."""
        told = [
            f"  {count:,} {'records' if record else 'parts'} left out: {why} (first {_at(self._first[why, record])})"
            for (why, record), count in self._counts.most_common(MOST_REASONS)
        ]
        more = len(self._counts) - MOST_REASONS
        return [*told, *([f"  and for {more:,} more reasons"] if more > 0 else [])]


def shown(name: str) -> str:
    """A name out of a source as a terminal may have it: quoted, on one line, and not too long."""
    cut = name if len(name) <= LONGEST_SHOWN else name[: LONGEST_SHOWN - 1] + "…"
    plain = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in cut)
    return f"'{plain}'"


def _at(loss: Loss) -> str:
    return f"at {loss.where}" + (f": {shown(loss.name)}" if loss.name else "")


def write(drafts: Iterable[Draft | Loss | Note], out: Path, *, source: Path) -> None:
    """Writes what `--kb jsonl` will read, in one step, and prints how much that is and what was lost.

    Every line is read as that knowledge base reads it, so that a build finds nothing in it that it cannot read.

    Args:
        source: what the drafts are read from.

    Raises:
        WikiClipError: no record was found, the file cannot be written, or it would take its source's place.
    """
    if out.resolve() == source.resolve():
        raise WikiClipError(f"{out} is what is read, and records would take its place: name another file with --out.")
    losses, notes, written = Losses(), list[str](), 0
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with appearing_file(out) as partial:
            with partial.open("w", encoding="utf-8") as file:
                for record in first_of_each_id(_read(drafts, losses, notes)):
                    if isinstance(record, BadRecord):
                        losses.add(Loss(record.where, _kind(record.why), record=True))
                    else:
                        file.write(json.dumps(as_line(record), ensure_ascii=False) + "\n")
                        written += 1
            if not written:
                raise WikiClipError(
                    "\n".join([f"There is no record for {out}, so it was not written.", *losses.lines()])
                )
    except OSError as error:
        raise WikiClipError(f"{out} cannot be written: {error.strerror or error}.") from error
    typer.echo(f"{out}: {written:,} records." + (" What was lost:" if len(losses) else " Nothing was lost."))
    for line in (*losses.lines(), *notes):
        typer.echo(line)


def as_line(entity: Entity) -> dict[str, Any]:
    """The keys of a record's line, without those that say nothing."""
    held = {name: value for name, value in entity._asdict().items() if value}
    if entity.extra is not None:
        held["extra"] = json.loads(entity.extra)
    return {**held, "text": entity.text}


def _read(
    drafts: Iterable[Draft | Loss | Note], losses: Losses, notes: list[str]
) -> Iterator[tuple[str, Entity | BadRecord]]:
    """Yields records, and those that are none; parts that are bad are counted, and notes kept."""
    kept = Counter[str]()
    for draft in drafts:
        if isinstance(draft, Loss):
            losses.add(draft)
            continue
        if isinstance(draft, Note):
            notes.append(draft.text)
            continue
        line = json.dumps(draft.line, ensure_ascii=False, default=str).encode("utf-8", "replace")
        *parts, record = read_line(draft.where, line, kept)
        for part in parts:
            assert isinstance(part, BadRecord)
            losses.add(Loss(draft.where, _kind(part.why)))
        yield draft.where, record


def _kind(why: str) -> str:
    """A reason without what is one record's own: the number of a picture, or the id."""
    if why.startswith("entity_id '") or why.startswith('entity_id "'):
        return "the id was given before"
    place, colon, rest = why.partition(": ")
    return place.partition(".")[0] + colon + rest.removesuffix("; it is left out")
