"""Strings of an Arrow column, straight out of its buffers.

Taking a few rows with Arrow's kernels costs three times as much after a search that has thrown their code out of the
processor's caches.
"""

from collections.abc import Sequence

import pyarrow as pa


class Strings:
    """A column of strings, none of them null. Nothing of it is read before a row is asked for."""

    def __init__(self, column: pa.StringArray) -> None:
        _, offsets, data = column.buffers()
        self._first = column.offset
        self._offsets = _numbers(offsets)
        self._data = memoryview(data or b"")

    def __getitem__(self, row: int) -> str:
        """The string of a row."""
        row += self._first
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")

    def take(self, rows: Sequence[int]) -> list[str]:
        """Those of several rows, quicker than one by one."""
        first, offsets, data = self._first, self._offsets, self._data
        return [str(data[offsets[row + first] : offsets[row + first + 1]], "utf-8") for row in rows]


class NullableStrings:
    """A column of strings, some of which may be null."""

    def __init__(self, column: pa.StringArray) -> None:
        validity = column.buffers()[0]
        self._first = column.offset
        self._validity = None if validity is None else memoryview(validity)
        self._strings = Strings(column)

    def take(self, rows: Sequence[int]) -> list[str | None]:
        """Those of several rows; None where one is null."""
        validity, first, strings = self._validity, self._first, self._strings
        if validity is None:
            return list(strings.take(rows))
        return [strings[row] if validity[(row + first) >> 3] >> ((row + first) & 7) & 1 else None for row in rows]


class StringLists:
    """A column of lists of strings, neither of them null."""

    def __init__(self, column: pa.ListArray) -> None:
        self._first = column.offset
        self._offsets = _numbers(column.buffers()[1])
        self._strings = Strings(column.values)

    def take(self, rows: Sequence[int]) -> list[tuple[str, ...]]:
        """Those of several rows."""
        first, offsets, strings = self._first, self._offsets, self._strings
        return [tuple(strings.take(range(offsets[row + first], offsets[row + first + 1]))) for row in rows]


def _numbers(offsets: pa.Buffer | None) -> memoryview:
    """Where each row starts, and where the last one ends. A column without rows may have no such buffer."""
    return memoryview(offsets or b"").cast("i")
