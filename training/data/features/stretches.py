"""Rows cut into stretches that processes take one by one: who has which, and how far each of its columns has come.

A process holds a stretch by a lock that the system lets go of when the process ends, however it ends. So processes of
one run or of several, on any machines whose file system knows such locks, fill one folder together without talking to
each other, and what a dead one leaves is finished by another.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.locks import Held, locked

Progress = dict[str, int]  # a column's name -> how many rows of the stretch are on the disk, from its first one on
PROGRESS = TypeAdapter(Progress)


class Stretches:
    """The stretches of some rows.

    Args:
        folder: keeps a lock and a note of progress for each; it is made when the first is taken.
        rows: how many there are.
        size: rows of a stretch; the last one has what is left.
    """

    def __init__(self, folder: Path, *, rows: int, size: int) -> None:
        self._folder, self._rows, self._size = folder, rows, size

    def __len__(self) -> int:
        return -(-self._rows // self._size)

    def rows(self, number: int) -> range:
        """Returns a stretch's rows."""
        return range(number * self._size, min((number + 1) * self._size, self._rows))

    def progress(self, number: int) -> Progress:
        """Returns how far a stretch has come; a column that it has nothing of is missing.

        Raises:
            WikiClipError: the note was changed.
        """
        path = self._note(number)
        try:
            progress = PROGRESS.validate_json(path.read_bytes(), strict=True)
        except FileNotFoundError:
            return {}
        except ValidationError as error:
            raise WikiClipError(f"{path} was changed; remove {self._folder.parent}.") from error
        if not all(0 <= done <= len(self.rows(number)) for done in progress.values()):
            raise WikiClipError(f"{path} was changed; remove {self._folder.parent}.")
        return progress

    def note(self, number: int, progress: Progress) -> None:
        """Keeps how far a stretch has come; for whoever holds it."""
        write_text(self._note(number), PROGRESS.dump_json(progress).decode())

    def done(self, number: int, columns: Collection[str]) -> int:
        """Returns how many rows of a stretch are there in all of some columns, of which there is one at least."""
        progress = self.progress(number)
        return min(progress.get(name, 0) for name in columns)

    def total(self, columns: Collection[str]) -> int:
        """Returns how many rows of all stretches are there in all of some columns."""
        return sum(self.done(number, columns) for number in range(len(self)))

    def finish(self, columns: Collection[str], work: Callable[[int], object]) -> None:
        """Has every stretch finished: by `work`, here, unless another process does it. At the end all are.

        First come those that nobody holds. Then each that another process held is waited for; if that one died, it is
        finished here.

        Args:
            columns: names of those that a finished stretch has all rows of.
            work: finishes the stretch of a number, which this process holds meanwhile.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for wait in (False, True):
            for number in range(len(self)):
                if self._lacks(number, columns):
                    self._take(number, columns, work, wait=wait)

    def _take(self, number: int, columns: Collection[str], work: Callable[[int], object], *, wait: bool) -> None:
        try:
            with locked(self._folder / f"{number:06}.lock", wait=wait):
                if self._lacks(number, columns):  # and not finished meanwhile by whoever held it
                    work(number)
        except Held:
            return

    def _lacks(self, number: int, columns: Collection[str]) -> bool:
        return self.done(number, columns) < len(self.rows(number))

    def _note(self, number: int) -> Path:
        return self._folder / f"{number:06}.json"
