"""Rows of a CSV file by the names of its columns; what is wrong with a row is said, and stops nothing."""

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from indexer.kb.lines import read_lines
from wikiclip.base.errors import WikiClipError


def csv_rows(path: Path, columns: Collection[str]) -> Iterator[tuple[str, dict[str, str] | str]]:
    """Returns an iterator over (where a row ends, its values by column, or why it is none), of a file plain or gzipped.

    A value in quotes may hold commas, doubled quotes and line ends; a blank line within it goes.

    Args:
        columns: that must be there; others may be.

    Raises:
        WikiClipError: the file cannot be read, or does not begin with the names of these columns.
    """
    lines = _Lines(path)
    rows = csv.reader(lines, strict=True)
    header = _next(rows)
    if not isinstance(header, list) or not {*columns} <= {*header}:
        raise WikiClipError(
            f"{path} does not begin with a line that names the columns {', '.join(columns)}: it is another file, or no"
            " CSV; fetch it again."
        )
    return _rows(header, lines, rows)


class _Lines(Iterator[str]):
    """The lines as text, and the number of the last one that was read."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        self._lines = read_lines(path)

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        return "" if line is None else line.decode("utf-8", "replace")


def _rows(header: list[str], lines: _Lines, rows: Iterator[list[str]]) -> Iterator[tuple[str, dict[str, str] | str]]:
    while (row := _next(rows)) is not None:
        where = f"{lines.path.name}:{lines.number}"
        if isinstance(row, str):
            yield where, row
        elif len(row) != len(header):
            yield where, f"has {len(row)} values, and the file {len(header)} columns"
        elif any("\ufffd" in value for value in row):
            yield where, "is not in UTF-8"
        else:
            yield where, dict(zip(header, row, strict=True))


def _next(rows: Iterator[list[str]]) -> list[str] | str | None:
    """Returns the next row, what is wrong with it, or None at the end."""
    try:
        return next(rows, None)
    except csv.Error as error:
        return f"is no row of a CSV file: {error}"
