"""Strings of an Arrow column, row by row, straight out of its buffers.

Taking a few rows with Arrow's kernels costs three times as much after a search that has thrown their code out of the
processor's caches.
"""

import pyarrow as pa


class Strings:
    """A column of strings, some of which may be null. Nothing of it is read before a row is asked for."""

    def __init__(self, column: pa.StringArray) -> None:
        validity, offsets, data = column.buffers()
        self._first = column.offset
        self._validity = None if validity is None else memoryview(validity)
        self._offsets = _numbers(offsets)
        self._data = memoryview(data or b"")

    def __getitem__(self, row: int) -> str:
        """The string of a row that is not null."""
        row += self._first
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")

    def get(self, row: int) -> str | None:
        """The string of any row; None where it is null."""
        row += self._first
        if self._validity is not None and not self._validity[row >> 3] >> (row & 7) & 1:
            return None
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")


class StringLists:
    """A column of lists of strings, neither of them null."""

    def __init__(self, column: pa.ListArray) -> None:
        self._first = column.offset
        self._offsets = _numbers(column.buffers()[1])
        self._strings = Strings(column.values)

    def __getitem__(self, row: int) -> tuple[str, ...]:
        row += self._first
        start, end = self._offsets[row], self._offsets[row + 1]
        return tuple([self._strings[place] for place in range(start, end)]) if start < end else ()


def _numbers(offsets: pa.Buffer | None) -> memoryview:
    """Where each row starts, and where the last one ends. A column without rows may have no such buffer."""
    return memoryview(offsets or b"").cast("i")
