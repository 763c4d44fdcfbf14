"""A column of kept features: one file in which every row has its place from the start.

So a row is found without looking anything up, however many processes wrote. What is not written yet takes no room on
the disk. A row of lists has no fixed size: the lists of a stretch lie one behind the other in the room that they would
take at most, and a second file says where each ends.
"""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_file, sync


@dataclass(frozen=True, kw_only=True)
class Column:
    """One array: a row of it for each thing, each of `shape`.

    Attributes:
        always: kept whatever the budget says; for vectors, which are small and which everything needs.
        most: a row is a list of at most this many entries of `shape`; None for exactly one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    always: bool = False
    most: int | None = None

    @property
    def entry_bytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def bytes(self, rows: int) -> int:
        """On disk; at most, for lists."""
        return rows * self.entry_bytes * (self.most or 1)


class ColumnFiles:
    """The files of one column.

    Args:
        rows: of the whole column.
        stretch: how many of them belong to one stretch.
    """

    def __init__(self, folder: Path, column: Column, *, rows: int, stretch: int) -> None:
        self._column, self._rows, self._stretch = column, rows, stretch
        self._values_file, self._ends_file = (folder / f"{column.name}.{kind}" for kind in ("values", "ends"))
        self._values: NDArray[Any] | None = None
        self._ends: NDArray[np.int64] = np.empty(0, np.int64)

    def lay_out(self, *, begun: bool) -> None:
        """Makes the files in their whole length; one process at a time.

        Args:
            begun: rows of the column were written before.

        Raises:
            WikiClipError: a file is missing although rows were written, or has another length.
        """
        sizes = {self._values_file: self._column.bytes(self._rows)}
        if self._column.most is not None:
            sizes[self._ends_file] = 8 * self._rows
        for path, size in sizes.items():
            if path.exists() or begun:
                if not path.is_file() or path.stat().st_size != size:
                    raise WikiClipError(f"{path} is not {size} bytes long; remove {path.parent}, and it is made again.")
                continue
            with appearing_file(path) as partial, partial.open("wb") as file:
                file.truncate(size)

    def write(self, first: int, start: int, made: Any) -> None:
        """Writes rows of the stretch that begins with the row `first`, from its own row `start` on.

        Whatever a crash left behind there is written over; what is written is on the disk at the end.
        """
        column = self._column
        if column.most is None:
            _write(self._values_file, (first + start) * column.entry_bytes, np.asarray(made, column.dtype))
            return
        before = 0
        if start:
            before = int(np.fromfile(self._ends_file, np.int64, 1, offset=8 * (first + start - 1))[0])
        _write(self._ends_file, 8 * (first + start), before + np.cumsum([len(entries) for entries in made]))
        place = self._place(first) + before
        _write(self._values_file, place * column.entry_bytes, np.concatenate(made).astype(column.dtype))

    def map(self) -> None:
        """Maps the files into memory, once all rows are written."""
        column = self._column
        self._values = _mapped(self._values_file, column.dtype, (self._rows * (column.most or 1), *column.shape))
        if column.most is not None:
            self._ends = _mapped(self._ends_file, "int64", (self._rows,))

    def __getitem__(self, rows: NDArray[np.int64]) -> Any:
        """Returns [len(rows), *shape], or a list of [entries, *shape]; known after `map`."""
        values, ends, stretch = self._values, self._ends, self._stretch
        assert values is not None
        if self._column.most is None:
            return values[rows]
        place_R = self._place(rows)
        start_R = place_R + np.where(rows % stretch, ends[rows - 1], 0)
        return [values[start:end] for start, end in zip(start_R, place_R + ends[rows], strict=True)]

    def _place(self, row: Any) -> Any:
        """The first entry of the stretch of a row of lists, or of each of several."""
        return row // self._stretch * self._stretch * (self._column.most or 1)


def _write(path: Path, offset: int, values: NDArray[Any]) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        values.tofile(file)
    sync(path)


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if not prod(shape):  # nothing can be mapped
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
