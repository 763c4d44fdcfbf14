"""Cells that look like several words, and were taken for one."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from indexer.convert.columns import Columns
from indexer.convert.outcome import Note, shown

# Names hold commas: "Hokusai, Katsushika".
SEPARATORS = {"tags": ",;|", "aliases": ";|"}
MANY = 0.1  # of the cells that say something


class Unsplit:
    """Counts them, of the columns with tags and other names."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._filled, self._whole = Counter[str](), Counter[tuple[str, str]]()

    def look(self, row: Mapping[str, Any]) -> None:
        """Counts a row's cells."""
        for key, separators in SEPARATORS.items():
            for column in self._columns.named.get(key, ()):
                cell = row[column]
                if not isinstance(cell, str) or not cell.strip():
                    continue
                self._filled[key] += 1
                if self._columns.split[key] not in cell:
                    self._whole.update((key, each) for each in separators if each in cell)

    def notes(self) -> Iterator[Note]:
        """A line for each kind that has many."""
        for (key, separator), count in sorted(self._whole.items()):
            if count >= MANY * self._filled[key]:
                columns = ", ".join(map(shown, self._columns.named[key]))
                yield Note(
                    f"{count:,} of {self._filled[key]:,} cells of {columns} hold {shown(separator)} and became one"
                    f" of the {key} each: --split {shlex.quote(f'{key}={separator}')} splits them."
                )
