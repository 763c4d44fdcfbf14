"""Frozen features on disk: computed once, by as many processes as there are, and read memory-mapped.

Features live in a folder named after everything they depend on: backbone, preprocessing, and each picture or text. A
change in any of it is another folder, so nothing stale is read. A column that would pass the budget is not kept; its
rows are computed whenever they are asked for, by the same function that would have filled the file. A later, larger
budget adds it to the same folder.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training import processes
from training.data.features.columns import Column, ColumnFiles
from training.data.features.stretches import Stretches
from training.pace import foretell
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.locks import locked
from wikiclip.base.paths import features_home

log = logging.getLogger(__name__)

KEY, LOCK, STRETCHES = "key.json", "LOCK", "stretches"
# Rows that a process takes at a time. So many of any size begin on a page of their own: no two machines write to one.
STRETCH = 4096
GB = 10**9

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
        self.name, self.rows, self._make, self._step, self._columns = name, rows, make, step, columns
        self.kept = tuple(c for c in columns if c.always or budget.grants(c.bytes(rows)))
        layout = [[c.name, list(c.shape), c.dtype, c.most] for c in columns]
        self._key = json.dumps({"key": key, "rows": rows, "columns": layout, "stretch": STRETCH}, sort_keys=True)
        self.folder = features_home() / f"{name}-{hashlib.sha256(self._key.encode()).hexdigest()[:16]}"
        self._stretches = Stretches(self.folder / STRETCHES, rows=rows, size=STRETCH)
        self._files = {c.name: ColumnFiles(self.folder, c, rows=rows, stretch=STRETCH) for c in self.kept}
        self._filled = not self.kept
        self._foretold = False

    def __str__(self) -> str:
        """One line: what is kept and how large, and what is not."""
        parts = [f"{c.name} {c.bytes(self.rows) / GB:.2f} GB {'kept' if c in self.kept else 'computed when needed'}"
                 for c in self._columns]  # fmt: skip
        return f"{self.name}: {self.rows:,} rows; {', '.join(parts)}"

    def get(self, name: str, rows: NDArray[np.int64]) -> Any:
        """A column's rows: [len(rows), *shape], or a list of [entries, *shape]."""
        if name not in self._files:
            return self._make(rows)[name]
        self.fill()
        return self._files[name][rows]

    def fill(self) -> None:
        """Computes what is not there yet, together with all other processes that do. At the end all of it is there."""
        if self._filled:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK):
            self._check_key()
            done = {name: self._stretches.total([name]) for name in self._files}
            self._expect_room(done)
            for name, files in self._files.items():
                files.lay_out(begun=done[name] > 0)
        if min(done.values()) < self.rows:
            log.info("%s, in %s", self, self.folder)
            self._fill(min(done.values()))
        for files in self._files.values():
            files.map()
        self._filled = True

    def _fill(self, done: int) -> None:
        """Computes stretch by stretch, and says beforehand how long that will take. The bar says how many rows are
        behind or in another process's hands."""
        bar = tqdm(
            total=self.rows,
            initial=done,
            desc=f"Features {self.name}",
            unit=" rows",
            disable=not processes.is_first(),
        )
        with bar:
            self._stretches.finish(self._files, lambda number: self._compute(number, bar))
            _advance(bar, self.rows)

    def _compute(self, number: int, bar: "tqdm[NoReturn]") -> None:
        """Computes what a stretch lacks of the columns that are kept; this process holds it."""
        rows, progress = self._stretches.rows(number), self._stretches.progress(number)
        if not self._foretold:  # by who has something to do, and does not wait for another process
            self._foretold = True
            foretell(f"Features {self.name}", np.arange(int(bar.n), self.rows), "rows", self._make)
        while (start := min(progress.get(name, 0) for name in self._files)) < len(rows):
            # A column that was granted later catches up with the others before they go on together.
            ahead = [done for done in progress.values() if done > start]
            stop = min([start + self._step, len(rows), *ahead])
            made = self._make(np.arange(rows.start + start, rows.start + stop))
            for name, files in self._files.items():
                if progress.get(name, 0) == start:
                    files.write(rows.start, start, made[name])
                    progress[name] = stop
            self._stretches.note(number, progress)
            _advance(bar, rows.start + stop)

    def _check_key(self) -> None:
        path = self.folder / KEY
        if not path.exists():
            write_text(path, self._key)
        elif path.read_text(encoding="utf-8") != self._key:
            raise WikiClipError(f"{self.folder} holds features of something else than its name says; remove it.")

    def _expect_room(self, done: dict[str, int]) -> None:
        missing = sum(column.bytes(self.rows - done[column.name]) for column in self.kept)
        free = shutil.disk_usage(self.folder).free
        if missing > free:
            raise WikiClipError(
                f"{self.name} may take {missing / GB:.1f} GB in {self.folder}, where {free / GB:.1f} GB are free; name"
                " another place with WIKICLIP_HOME, or keep less with --cache-gb."
            )


def _advance(bar: "tqdm[NoReturn]", done: int) -> None:
    bar.update(max(0, done - bar.n))
