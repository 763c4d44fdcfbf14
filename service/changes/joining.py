"""Several changes as one update: what they come to together, and what becomes of each as if they were done in turn."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from errno import ENOENT
from pathlib import Path
from typing import Any

from indexer.errors import UnknownEntity
from indexer.kb.record import BadRecord
from indexer.records.records import Records
from indexer.updating.notes import Outcome
from service.changes.change import MOST_FAULTS, Change, Put
from service.changes.pictures import store
from wikiclip.base.regular_files import read_regular
from wikiclip.pictures import PictureError

MOST_PICTURE_BYTES = 2**28  # of a picture that a record has already


@dataclass(eq=False)
class Told:
    """What became of one change so far: how many records it put and removed, and what could not be done."""

    put: int = 0
    removed: int = 0
    faults: list[str] = field(default_factory=list)

    def outcome(self, change_id: str, journal: str) -> Outcome:
        """As the version notes it."""
        return Outcome(
            change=change_id,
            journal=journal,
            put=self.put,
            removed=self.removed,
            faults=tuple(fault[:1000] for fault in self.faults[:MOST_FAULTS]),
            more_faults=max(0, len(self.faults) - MOST_FAULTS),
        )


@dataclass(eq=False)
class Joined:
    """What changes come to.

    Attributes:
        marks: what tells each change from all others, by its id.
        lines: the records to put, by id, as JSON lines have them.
        gone: the ids to remove.
        told: what became of each change, by its id.
        bringer: which change a record to put is of.
    """

    marks: Mapping[str, str]
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    bringer: dict[str, str] = field(default_factory=dict)

    def outcomes(self, problems: Iterable[BadRecord] = ()) -> list[Outcome]:
        """What became of each change, with the pictures and records that could not be embedded."""
        listed: dict[str, list[str]] = defaultdict(list)
        where_of = {
            where: entity_id
            for number, (entity_id, line) in enumerate(self.lines.items(), start=1)
            for where in (f"{RECORDS}:{number}", *(f"{entity_id}: {name}" for name in line.get("images", ())))
        }
        lost = set[str]()
        for problem in problems:
            if (entity_id := where_of.get(problem.where)) is not None:
                listed[self.bringer[entity_id]].append(f"{entity_id}: {problem.why}")
                if problem.where.startswith(f"{RECORDS}:") and "it is left out" not in problem.why:
                    lost.add(entity_id)
        found = []
        for change_id, told in self.told.items():
            lost_here = sum(self.bringer[entity_id] == change_id for entity_id in lost)
            whole = Told(told.put - lost_here, told.removed, [*told.faults, *listed[change_id]])
            found.append(whole.outcome(change_id, self.marks[change_id]))
        return found


RECORDS = "records.jsonl"  # the file that the lines are written to


class Unkept(Exception):
    """A picture that a record shall keep cannot be had."""


def join(changes: Mapping[str, Change], base: Records, pictures: Path, *, marks: Mapping[str, str]) -> Joined:
    """Goes through changes in turn. A record whose pictures shall stay, and cannot be read at present, is not put: its
    pictures would be lost.

    Args:
        changes: by id, the oldest first.
        base: the records before them.
        pictures: the folder of those that were sent, to which a picture is copied that a record keeps.
        marks: what tells each change from all others, by its id.

    Raises:
        OSError: a picture cannot be copied to that folder.
    """
    joined = Joined(marks)
    for change_id, change in changes.items():
        joined.told[change_id] = told = Told()
        for put in change.puts:
            try:
                names, faults = _pictures_of(put, joined, base, pictures)
            except Unkept as error:
                told.faults.append(f"{put.entity_id}: {error}")
                continue
            joined.gone.pop(put.entity_id, None)
            joined.lines[put.entity_id] = put.record | ({"images": names} if names else {})
            joined.bringer[put.entity_id] = change_id
            told.put += 1
            told.faults += [f"{put.entity_id}: {fault}" for fault in faults]
        for remove in change.removes:
            entity_id = remove.entity_id
            if not _is_there(entity_id, joined, base):
                told.faults.append(f"{entity_id}: there is no such entity to remove")
                continue
            joined.lines.pop(entity_id, None)
            joined.bringer.pop(entity_id, None)
            if _is_in(entity_id, base):
                joined.gone[entity_id] = None
            told.removed += 1
    return joined


def _is_there(entity_id: str, joined: Joined, base: Records) -> bool:
    return entity_id in joined.lines or (entity_id not in joined.gone and _is_in(entity_id, base))


def _is_in(entity_id: str, base: Records) -> bool:
    try:
        base.entity(entity_id)
    except UnknownEntity:
        return False
    return True


def _pictures_of(put: Put, joined: Joined, base: Records, folder: Path) -> tuple[list[str], list[str]]:
    """The names of a record's pictures below the folder, and what is wrong with others. Raises Unkept."""
    if put.pictures is not None and all(isinstance(each, str) for each in put.pictures):
        return [str(each) for each in put.pictures], []
    before = _Before(put.entity_id, joined, base, folder)
    names, faults = [], []
    for each in range(before.count) if put.pictures is None else put.pictures:
        if isinstance(each, str):
            names.append(each)
            continue
        try:
            names.append(before.name(each))
        except (PictureError, LookupError) as error:
            faults.append(f"its picture {each} cannot be kept: {error}")
    return names, faults


class _Before:
    """The pictures that a record has before it is put once more."""

    def __init__(self, entity_id: str, joined: Joined, base: Records, folder: Path) -> None:
        self._entity_id, self._base, self._folder = entity_id, base, folder
        self._names: Sequence[str] | None = ()
        self.count = 0
        if entity_id in joined.lines:
            self._names = joined.lines[entity_id].get("images", ())
            self.count = len(self._names)
        elif entity_id not in joined.gone and _is_in(entity_id, base):
            self._names, self.count = None, len(base.entity(entity_id).images)

    def name(self, number: int) -> str:
        """Below the folder.

        Raises:
            LookupError: there is none of the number.
            PictureError: the file is no picture.
            Unkept: the file cannot be read.
        """
        if not 0 <= number < self.count:
            raise LookupError("the record has no picture of this number")
        if self._names is not None:
            return self._names[number]
        path = self._base.picture_path(self._entity_id, number)
        try:
            if path is None:
                raise FileNotFoundError(ENOENT, "it is not there")
            content = read_regular(path, most=MOST_PICTURE_BYTES)
        except OSError as error:
            raise Unkept(
                f"its picture {number} shall stay, and its file cannot be read ({error.strerror}), so the record stays"
                ' as it was; mend that, or put it with `"images": []`'
            ) from error
        return store(content, self._folder)
