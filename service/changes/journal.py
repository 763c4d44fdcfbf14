"""What callers were answered for: changes that wait, and what became of those that were done.

Each is a file that appears whole, and is on the disk before anybody is answered. Numbers follow the order in which they
were accepted, on one machine or on several that share the folder.
"""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from math import inf
from pathlib import Path
from typing import Literal

from indexer.updating.sent import CHANGES, WAITING, pictures_of, receiving
from service.changes.change import Account, Change, Head
from wikiclip.base.files import appearing_file, sync, write_text
from wikiclip.base.locks import locked
from wikiclip.base.regular_files import open_regular, read_regular

DONE, LOCK, TROUBLE = "done", "LOCK", "TROUBLE"
NAME, WORK = "NAME", "work"  # of the file of the journal's own name, and the folder of what is under way
MOST_BYTES = 2**30  # of a change on the disk
DIGITS = 12  # of an id
OF_WAITING, OF_DONE = ".jsonl", ".json"
DONE_KEPT = 10_000  # jobs that are told of after they were done
SPARE = 1_000  # more of them before the oldest go


class Full(Exception):
    """As many changes wait as may."""


class NoSpace(Exception):
    """The disk would have less room left than it shall."""


class Done(Account):
    """What became of a change.

    Attributes:
        state: failed where nothing of it could be done.
        index_version: the first version that is known to hold it.
        finished: when, as ISO 8601 has it.
        put, removed: how many records.
        faults: what could not be done, the first ones.
        more_faults: how many more there were.
    """

    head: Head
    state: Literal["done", "failed"]
    index_version: str | None
    finished: str
    put: int
    removed: int
    faults: tuple[str, ...] = ()
    more_faults: int = 0


class Journal:
    """The changes of an index's folder. Safe on any thread, and in several processes.

    Args:
        home: the folder that keeps index versions.
    """

    def __init__(self, home: Path) -> None:
        self._home, self.folder = home, home / CHANGES
        self._waiting, self._done = self.folder / WAITING, self.folder / DONE

    @property
    def pictures(self) -> Path:
        """The folder of pictures that were sent."""
        return pictures_of(self._home)

    def receiving(self, *, until: float = inf) -> AbstractContextManager[None]:
        """Held from before a change's pictures are kept until it is accepted; as `indexer.updating.sent.receiving`."""
        return receiving(self._home, until=until)

    @property
    def name(self) -> str:
        """Tells this journal from all others: a version that was made elsewhere may note changes of the same numbers.
        Empty where nothing was accepted yet. Raises OSError."""
        with suppress(FileNotFoundError):
            return read_regular(self.folder / NAME, most=64).decode("ascii", errors="replace").strip()
        return ""

    def expect_space(self, more: int, *, free: int) -> None:
        """Raises NoSpace where so many bytes more would leave less than `free` on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free - more < free:
            raise NoSpace

    def expect_room(self, most: int) -> None:
        """Raises Full where so many wait."""
        if len(self.waiting()) >= most:
            raise Full

    def accept(
        self,
        change: Change,
        *,
        most: int,
        until: float = inf,
        expect: Callable[[], object] = lambda: None,
        complete: Callable[[Change], Change] = lambda change: change,
        keep: Callable[[], object] = lambda: None,
    ) -> str:
        """Keeps a change, and returns its id once it is on the disk.

        Args:
            until: when to give up waiting for another process that keeps one, by `time.monotonic`.
            expect: is called after that wait, and raises where the change shall not be kept any more.
            complete: is called once nothing is in the way, writes the change's pictures and returns it with the names
                that they will have.
            keep: is called once the change is written, too, and gives them those names. So of a change that is refused
                no picture has to go again, which another might have come to name.

        Raises:
            Full: `most` wait.
            Held: another process keeps one for longer.
            OSError: it cannot be written, or there is no number after the last one.
        """
        for folder in (self._waiting, self._done):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK, until=until):
            expect()
            self.expect_room(most)
            if not (self.folder / NAME).exists():
                write_text(self.folder / NAME, f"{uuid.uuid4().hex}\n")
            change_id = self._next_id()
            whole = complete(change)
            with appearing_file(self._waiting / f"{change_id}{OF_WAITING}") as partial:
                with partial.open("w") as file:
                    file.writelines(f"{line}\n" for line in whole.lines())
                sync(partial)
                keep()
        return change_id

    def waiting(self) -> list[str]:
        """The ids of what is accepted and not done, the oldest first."""
        return sorted(_ids(self._waiting, OF_WAITING))

    def size(self, change_id: str) -> int:
        """Bytes of a change that waits."""
        return (self._waiting / f"{change_id}{OF_WAITING}").stat().st_size

    def read(self, change_id: str) -> tuple[Change, str]:
        """A change that waits, and its mark.

        The mark tells it from all others: a journal of another folder has the same numbers, and so has this one where
        an older copy of it was put back beside versions that are newer.

        Raises:
            OSError: it waits no more, or cannot be read.
            ValueError: it holds something else, or more than any change does.
        """
        try:
            content = read_regular(self._waiting / f"{change_id}{OF_WAITING}", most=MOST_BYTES)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise ValueError(str(error)) from error
            raise
        mark = f"{self.name} {hashlib.sha256(content).hexdigest()[:32]}"
        return Change.of_lines(content.splitlines()), mark

    def finish(self, change_id: str, done: Done) -> None:
        """Notes what became of a change, which waits no more. Whoever holds the folder of the versions calls it."""
        write_text(self._done / f"{change_id}{OF_DONE}", done.model_dump_json(exclude_defaults=True) + "\n")
        (self._waiting / f"{change_id}{OF_WAITING}").unlink(missing_ok=True)

    def tidy(self) -> None:
        """Removes what is left of changes that are done, and the oldest of what is told of them."""
        done = sorted(_ids(self._done, OF_DONE))
        for change_id in {*self.waiting()} & {*done}:  # of one that was killed in between
            (self._waiting / f"{change_id}{OF_WAITING}").unlink(missing_ok=True)
        if len(done) > DONE_KEPT + SPARE:
            for change_id in done[:-DONE_KEPT]:
                (self._done / f"{change_id}{OF_DONE}").unlink(missing_ok=True)

    def look_up(self, change_id: str) -> Done | Head | None:
        """What became of a change, or that it waits; None where there is none.

        Raises:
            OSError, ValueError: the file cannot be read.
        """
        # Twice, since it may become one of those that are done between a look there and a look here.
        for find in (self._found_done, self._found_waiting, self._found_done):
            with suppress(FileNotFoundError):
                return find(change_id)
        return None

    def ids(self) -> Sequence[str]:
        """Of all changes that are told of, the newest first, and of what is only named as one: `look_up` says why."""
        return sorted({entry.name[:DIGITS] for entry in self._all_named()}, reverse=True)

    def trouble(self) -> str | None:
        """Why nothing can be applied at present; None where nothing is known to be in the way."""
        with suppress(OSError):
            return read_regular(self.folder / TROUBLE).decode("utf-8", errors="replace").strip()
        return None

    def note_trouble(self, why: str | None) -> None:
        """Notes what is in the way of all changes, or that nothing is any more."""
        if why is None:
            (self.folder / TROUBLE).unlink(missing_ok=True)
        elif why != self.trouble():
            write_text(self.folder / TROUBLE, why + "\n")

    def _found_done(self, change_id: str) -> Done:
        return Done.model_validate_json(read_regular(self._done / f"{change_id}{OF_DONE}"))

    def _found_waiting(self, change_id: str) -> Head:
        with open_regular(self._waiting / f"{change_id}{OF_WAITING}") as file:
            return Head.model_validate_json(file.readline())

    def _all_named(self) -> list[os.DirEntry[str]]:
        return [*_named(self._waiting, OF_WAITING), *_named(self._done, OF_DONE)]

    def _next_id(self) -> str:
        """One after all that there are, be they changes or only named so. Raises OSError where none has its digits."""
        if (last := max(self._all_named(), key=lambda entry: entry.name[:DIGITS], default=None)) is None:
            return f"{1:0{DIGITS}d}"
        number = int(last.name[:DIGITS]) + 1
        if number >= 10**DIGITS:
            raise OSError(errno.EOVERFLOW, "No change can have a number after this one's: move it away", last.path)
        return f"{number:0{DIGITS}d}"


def _ids(folder: Path, suffix: str) -> list[str]:
    return [entry.name[:DIGITS] for entry in _named(folder, suffix) if _is_file(entry)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # of a link that leads round in a circle
        return entry.is_file()
    return False


def _named(folder: Path, suffix: str) -> list[os.DirEntry[str]]:
    """What is named as the folder's files are, and no copy that somebody made; it may be no file."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name.endswith(suffix) and is_id(entry.name[: -len(suffix)])]
    except FileNotFoundError:
        return []


def is_id(text: str) -> bool:
    """Whether it may be the id of a change."""
    return len(text) == DIGITS and text.isascii() and text.isdecimal()
