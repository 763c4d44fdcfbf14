"""Rows of delimited text, of which a quote that somebody forgot to close loses one and not the rest."""

import csv
from collections.abc import Iterator
from typing import TextIO

LONGEST_CELL = 32 * 2**20  # characters


class _Lines:
    """The lines of a file, of which those of a row can be had once more."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._of_row: list[str] = []
        self._again: list[str] = []  # the next one last
        self.number = 0  # of the last one that was had

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._file.readline()
        if not line:
            raise StopIteration
        self.number += 1
        self._of_row.append(line)
        return line

    def begin_row(self) -> int:
        """Returns the number of its first line."""
        self._of_row.clear()
        return self.number + 1

    def go_back(self) -> None:
        """To the row's second line."""
        more = self._of_row[1:]
        self._again += reversed(more)
        self.number -= len(more)


def rows_of(file: TextIO, *, delimiter: str, quote: str | None = '"') -> Iterator[tuple[int, list[str] | str]]:
    """Yields the number of each row's first line, and its cells, or why it has none.

    A quote that is not closed takes in what follows, up to the next quote or the file's end. Only the line that it
    stands in is lost: what follows is read once more.

    Args:
        quote: what cells are put in that hold delimiters; none are if None.
    """
    csv.field_size_limit(LONGEST_CELL)
    lines = _Lines(file)
    rows = csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=quote,
        quoting=csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL,
        strict=True,
    )
    while True:
        line = lines.begin_row()
        try:
            yield line, next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.number > line:
                lines.go_back()
                yield line, "a row has a quote that is not closed, or closed elsewhere"
            else:
                yield line, f"a row is no CSV: {error}"
