"""Frozen features on disk: computed once, read memory-mapped, continued where they were cut off.

Features live in a folder named after everything they depend on: backbone, preprocessing, and each picture or text. A
change in any of it is another folder, so nothing stale is read. An array that would pass the budget is not kept; its
rows are computed whenever they are asked for, by the same function that would have filled the file.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sync, write_text
from wikiclip.base.locks import locked
from wikiclip.base.paths import features_home

log = logging.getLogger(__name__)

KEY, PROGRESS, LOCK = "key.json", "progress.json", "LOCK"
GB = 10**9


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


Made = dict[str, Any]  # a column's name -> [rows, *shape], or for lists a list of [entries, *shape]


class Budget:
    """How many bytes may still be kept."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def grants(self, wanted: int) -> bool:
        """Takes `wanted` from what is left if there is as much."""
        if wanted > self.left:
            return False
        self.left -= wanted
        return True


class Features:
    """Columns of `rows` things, kept or computed when asked for.

    Args:
        name: what they are, for whoever looks into the folder.
        key: JSON values that settle the content, versions of data and code included.
        make: computes the columns of some rows; must not depend on which rows are asked for together.
        step: rows computed between two notes of progress; what a crash may lose.
        budget: columns that it does not grant are computed when asked for.

    Raises:
        WikiClipError: what lies in the folder is not what its key says.
    """

    def __init__(
        self,
        name: str,
        key: object,
        *,
        rows: int,
        columns: tuple[Column, ...],
        make: Callable[[NDArray[np.int64]], Made],
        budget: Budget,
        step: int = 1024,
    ) -> None:
        self.name, self.rows, self._make, self._step = name, rows, make, step
        self._columns = {column.name: column for column in columns}
        self.kept = tuple(c for c in columns if c.always or budget.grants(c.bytes(rows)))
        layout = [[c.name, list(c.shape), c.dtype, c.most] for c in self.kept]
        self._key = json.dumps({"key": key, "rows": rows, "columns": layout}, sort_keys=True)
        self.folder = features_home() / f"{name}-{hashlib.sha256(self._key.encode()).hexdigest()[:16]}"
        self._arrays: dict[str, NDArray[Any]] = {}
        self._ends: dict[str, NDArray[np.int64]] = {}

    def __str__(self) -> str:
        """One line: what is kept and how large, and what is not."""
        parts = [f"{c.name} {c.bytes(self.rows) / GB:.2f} GB {'kept' if c in self.kept else 'computed when needed'}"
                 for c in self._columns.values()]  # fmt: skip
        return f"{self.name}: {self.rows:,} rows; {', '.join(parts)}"

    def get(self, name: str, rows: NDArray[np.int64]) -> Any:
        """A column's rows: [len(rows), *shape], or a list of [entries, *shape]."""
        column = self._columns[name]
        if column not in self.kept:
            return self._make(rows)[name]
        self.fill()
        if column.most is None:
            return self._arrays[name][rows]
        ends = self._ends[name]
        return [self._arrays[name][ends[row - 1] if row else 0 : ends[row]] for row in rows]

    def fill(self) -> None:
        """Computes what is not there yet; a second process waits for the first and finds it done."""
        if self._arrays or not self.kept:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK):
            self._check_key()
            done = self._done()
            if done < self.rows:
                self._compute(done)
        for column in self.kept:
            self._arrays[column.name] = self._map(column)

    def _check_key(self) -> None:
        path = self.folder / KEY
        if not path.exists():
            write_text(path, self._key)
        elif path.read_text(encoding="utf-8") != self._key:
            raise WikiClipError(f"{self.folder} holds features of something else than its name says; remove it.")

    def _done(self) -> int:
        path = self.folder / PROGRESS
        done = json.loads(path.read_text(encoding="utf-8")) if path.exists() else 0
        if type(done) is not int or not 0 <= done <= self.rows:
            raise WikiClipError(f"{path} was changed; remove {self.folder}.")
        return done

    def _compute(self, done: int) -> None:
        missing = sum(column.bytes(self.rows - done) for column in self.kept)
        free = shutil.disk_usage(self.folder).free
        if missing > free:
            raise WikiClipError(
                f"{self.name} may take {missing / GB:.1f} GB in {self.folder}, where {free / GB:.1f} GB are free; name"
                " another place with WIKICLIP_HOME, or keep less with --cache-gb."
            )
        log.info("%s, in %s", self, self.folder)
        with tqdm(total=self.rows, initial=done, desc=f"Features {self.name}", unit=" rows") as bar:
            for start in range(done, self.rows, self._step):
                stop = min(start + self._step, self.rows)
                made = self._make(np.arange(start, stop))
                for column in self.kept:
                    self._append(column, start, made[column.name])
                write_text(self.folder / PROGRESS, json.dumps(stop))
                bar.update(stop - start)

    def _append(self, column: Column, start: int, made: Any) -> None:
        """Writes rows from `start` on, over whatever a crash left behind there."""
        if column.most is None:
            _write(self._file(column), start * column.entry_bytes, np.asarray(made, column.dtype))
            return
        ends = self._file(column, "ends")
        before = int(np.fromfile(ends, np.int64, 1, offset=8 * (start - 1))[0]) if start else 0
        _write(ends, 8 * start, before + np.cumsum([len(entries) for entries in made]))
        _write(self._file(column), before * column.entry_bytes, np.concatenate(made).astype(column.dtype))

    def _map(self, column: Column) -> NDArray[Any]:
        entries = self.rows
        if column.most is not None:
            self._ends[column.name] = ends = _mapped(self._file(column, "ends"), "int64", (self.rows,))
            entries = int(ends[-1]) if self.rows else 0
        return _mapped(self._file(column), column.dtype, (entries, *column.shape))

    def _file(self, column: Column, kind: str = "values") -> Path:
        return self.folder / f"{column.name}.{kind}"


def _write(path: Path, offset: int, values: NDArray[Any]) -> None:
    with path.open("r+b" if path.exists() else "x+b") as file:
        file.truncate(offset)
        file.seek(offset)
        values.tofile(file)
    sync(path)


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    wanted = prod(shape) * np.dtype(dtype).itemsize
    if not wanted:  # nothing can be mapped
        return np.empty(shape, dtype)
    if not path.is_file() or path.stat().st_size != wanted:
        raise WikiClipError(f"{path} is not {wanted} bytes long; remove {path.parent}, and it is made again.")
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
