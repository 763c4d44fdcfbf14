"""What a version says of the updates that were made after its build, so that none is lost, or made twice, unseen.

The note is a file of the version: it is published with what it tells of, in the same step.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from indexer.errors import CorruptIndex
from indexer.manifest import Strict
from indexer.version import Version
from wikiclip.base.regular_files import read_regular

UPDATES = "updates.json"
MOST_BYTES = 2**30  # of the note, which names all that was removed
TOLD = 100  # updates that are told one by one, the last ones

Time = Annotated[str, Field(max_length=40)]


class Outcome(Strict):
    """What became of a change that a service was sent.

    Attributes:
        change: its id.
        journal: what tells the change from others of the same id: of another journal, or of an older copy of its own.
        put, removed: how many records of it are new or replaced, and how many are no more.
        faults: what of it could not be done, the first ones.
        more_faults: how many more there were.
    """

    change: str
    journal: str = ""
    put: int = 0
    removed: int = 0
    faults: tuple[str, ...] = ()
    more_faults: int = 0


class Update(Strict):
    """One update.

    Attributes:
        put, removed: as of an outcome.
        outcomes: of the changes that it joined; none of a command's.
    """

    created: Time = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    put: int
    removed: int
    outcomes: tuple[Outcome, ...] = ()


class Updates(Strict):
    """All updates since the build.

    Attributes:
        built: the version that the build made; None where a program made updates that kept no note.
        built_shards: how many of the shards are the build's; the others hold what updates brought.
        count: how many updates there were.
        gone: ids that were removed and did not come again.
        last: the last updates.
    """

    built: str | None
    built_shards: int
    count: int = 0
    gone: tuple[str, ...] = ()
    last: tuple[Update, ...] = ()

    def with_one(self, update: Update, *, put: Iterable[str], removed: Iterable[str]) -> "Updates":
        """After one more, which put and removed these ids."""
        gone = dict.fromkeys(self.gone) | dict.fromkeys(removed)
        for entity_id in put:
            gone.pop(entity_id, None)
        kept = (*self.last, update)[-TOLD:]
        return self.model_copy(update={"count": self.count + 1, "gone": tuple(gone), "last": kept})

    def outcomes(self) -> dict[tuple[str, str], Outcome]:
        """By the change's id and its journal, of all that is told one by one."""
        return {(one.change, one.journal): one for update in self.last for one in update.outcomes}


def read_updates(version: Version) -> Updates:
    """The note of a version; that of a build where there is none.

    Raises:
        CorruptIndex: it cannot be read.
    """
    parent, shards = version.manifest.parent, len(version.manifest.shards)
    if UPDATES not in version.manifest.files:
        if parent is None:
            return Updates(built=version.id, built_shards=shards)
        return Updates(built=None, built_shards=shards, count=1)
    path = version.folder / UPDATES
    try:
        return Updates.model_validate_json(read_regular(path, most=MOST_BYTES))
    except (OSError, ValidationError) as error:
        raise CorruptIndex(f"{path} is no note of updates; build the index again.") from error


def write_updates(updates: Updates, folder: Path) -> None:
    """Writes the note into a version's folder that is being filled."""
    (folder / UPDATES).write_text(updates.model_dump_json() + "\n", encoding="utf-8")
