"""A shard's words, open: rows that suit an expression, in their order, a few at a time.

The file was compared with its checksum before, but who made it may mean ill: it is opened read-only, its tables are
ours to the letter, no code of its own is run, and what it answers are numbers that are looked at before they are used.

Axes: E entity, K row found.
"""

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from indexer.arrays import expect_each_once, read_array
from indexer.errors import CorruptIndex, TookTooLong
from indexer.words.file import APPLICATION, FILE, FORMAT, ORDER, Words

SECONDS = 5.0  # a query may take; it is bounded by its rows, unless the disk is slow or the file means ill
STEPS = 10_000  # of SQLite's machine between looks at the clock
CACHE_KIB = 512  # pages of the file that a connection keeps; the system keeps them for all
IDLE = 8  # connections that wait for the next query
LEAST_FETCHED, MOST_FETCHED = 32, 4_096  # rows in one step

# What becomes of a damaged file: also numbers that are none, and texts that are not UTF-8.
FAULTS = (sqlite3.Error, OverflowError, TypeError, ValueError, MemoryError)

Table = Literal["names", "texts"]


@dataclass(frozen=True)
class Expression:
    """What FTS5 is asked for.

    Attributes:
        table: the full-text index.
        match: made of tokens in quotes, which hold nothing but letters, digits and pictographs.
    """

    table: Table
    match: str


class ShardWords:
    """Safe on any thread.

    Args:
        folder: the shard's folder.
        entities: how many it holds.

    Attributes:
        words: which words are kept.
        order_E: ascending, a title's length (32 bits) and the entity's number in the shard (32 bits); the first is of
            row 1 of the tables.

    Raises:
        CorruptIndex: the files are missing, or are not the words of a shard of this size.
    """

    def __init__(self, folder: Path, entities: int) -> None:
        self._path = folder / FILE
        self.order_E: NDArray[np.uint64] = read_array(folder / ORDER, np.uint64)
        if (self.order_E[1:] <= self.order_E[:-1]).any():
            raise CorruptIndex(f"{folder / ORDER} is not in ascending order; build the index again.")
        expect_each_once(self.order_E & np.uint64(2**32 - 1), entities, where=folder / ORDER)
        self._idle: list[sqlite3.Connection] = []
        self._lent, self._returned = 0, threading.Condition()
        weakref.finalize(self, _close_all, self._idle)
        with self._connection() as connection:
            self.words = _words_of(connection, self._path)

    def place_after(self, position: int) -> int:
        """The row that follows a position in `order_E`, as its number less 1."""
        return int(np.searchsorted(self.order_E, np.uint64(position), side="right"))

    def rows(self, asked: Expression, place: int, most: int) -> Iterator[NDArray[np.int64]]:
        """Places [K] in `order_E` of what suits, ascending, from `place` on, in steps; at most so many in all.

        Raises:
            CorruptIndex: the file does not hold what it should.
            TookTooLong: see `SECONDS`.
        """
        with self._connection() as connection:
            until = time.monotonic() + SECONDS
            connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
            cursor = connection.cursor()
            try:
                cursor.execute(
                    f"SELECT rowid FROM {asked.table} WHERE {asked.table} MATCH ? AND rowid > ? LIMIT ?",
                    (asked.match, place, most),
                )
                size, last = LEAST_FETCHED, place
                while fetched := cursor.fetchmany(size):
                    places_K = np.array([row for (row,) in fetched], dtype=np.int64) - 1
                    if places_K[0] < last or places_K[-1] >= len(self.order_E) or (np.diff(places_K) <= 0).any():
                        raise CorruptIndex(f"{self._path} names rows that are not there; build the index again.")
                    last = int(places_K[-1]) + 1
                    yield places_K
                    size = min(4 * size, MOST_FETCHED)
            except FAULTS as error:
                if isinstance(error, sqlite3.OperationalError) and time.monotonic() > until:
                    raise TookTooLong(f"Words were not found within {SECONDS:g} s.") from error
                raise CorruptIndex(f"{self._path} cannot be read ({error}); build the index again.") from error
            finally:
                cursor.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One that nobody else uses meanwhile.

        Once the version was removed no more can be opened, and those that there are do it in turn.
        """
        connection = self._taken()
        try:
            yield connection
        finally:
            with self._returned:
                self._lent -= 1
                is_kept = len(self._idle) < IDLE
                if is_kept:
                    self._idle.append(connection)
                    self._returned.notify()
            if not is_kept:
                connection.close()

    def _taken(self) -> sqlite3.Connection:
        while True:
            with self._returned:
                while not self._idle and self._lent and not self._path.exists():
                    if not self._returned.wait(SECONDS):
                        raise TookTooLong(f"Words were not found within {SECONDS:g} s.")
                if self._idle:
                    self._lent += 1
                    return self._idle.pop()
            try:
                connection = _connected(self._path)
            except CorruptIndex:
                if self._path.exists() or not (self._idle or self._lent):
                    raise
                continue  # it was removed in this moment
            with self._returned:
                self._lent += 1
            return connection


def kept_words(folder: Path) -> Words:
    """Which words a shard keeps; `none` where it was made before there were any.

    Raises:
        CorruptIndex: the file is not one of words.
    """
    path = folder / FILE
    if not path.exists():
        return Words.NONE
    connection = _connected(path)
    try:
        return _words_of(connection, path)
    finally:
        connection.close()


def _connected(path: Path) -> sqlite3.Connection:
    """Read-only, and as it is: without locks, and without a journal that may lie beside it."""
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA mmap_size=0")  # a file that is cut off then ends in an error and not the process
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    except FAULTS as error:
        raise CorruptIndex(f"{path} cannot be opened ({error}); build the index again.") from error
    return connection


def _words_of(connection: sqlite3.Connection, path: Path) -> Words:
    """Which words a file keeps. Raises CorruptIndex where its tables are not ours."""
    try:
        told = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        tables = _schema_of(connection)
        for words in (Words.TITLES, Words.TEXTS):
            if told == [APPLICATION, FORMAT] and tables == _expected(words):
                configured = [
                    connection.execute(f"SELECT k, v FROM {name}_config").fetchmany(2) for name in words.tables
                ]
                if configured == [[("version", 4)]] * len(configured):
                    return words
    except FAULTS as error:
        raise CorruptIndex(f"{path} cannot be read ({error}); build the index again.") from error
    raise CorruptIndex(f"{path} has other tables than this version reads; build the index again.")


def _schema_of(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    read = connection.execute("SELECT type, name, sql FROM sqlite_schema LIMIT 100").fetchall()
    return {(str(kind), str(name), " ".join(str(sql).split())) for kind, name, sql in read}


@cache
def _expected(words: Words) -> set[tuple[str, str, str]]:
    """The tables as this program's SQLite makes them."""
    connection = sqlite3.connect(":memory:")
    try:
        for create in words.tables.values():
            connection.execute(create)
        return _schema_of(connection)
    finally:
        connection.close()


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()
