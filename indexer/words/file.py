"""A shard's words as it keeps them: a database of SQLite with its full-text index (FTS5), and the order of its rows.

Rows are in the order in which titles are to be found: of few words before many, short before long. In a title words
come once, so that is BM25's order, and a look-up ends after as many rows as were asked for, however many there are.
Tokens are made here, and SQLite splits at spaces alone: what it knows of Unicode depends on its version. A mark before
a token tells what holds it: `f` the title begins with it, `t` the title, `n` the title or another name.
"""

import sqlite3
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from indexer.kb.record import Entity
from indexer.records.table import TABLE, EntityTable, from_batch, read_batches
from indexer.words.folding import first_tokens, length_of, tokens_of, words_of
from wikiclip.base.errors import WikiClipError

FILE, ORDER = "words.sqlite", "words.npy"
FILES = (FILE, ORDER)
FIRST, TITLE, NAME = "f", "t", "n"
TEXT_LENGTH = 2_000  # characters of a text whose words are kept
APPLICATION, FORMAT = 0x77636C77, 1  # of SQLite's application_id and user_version
# How many letters a start of a word is looked up by; a longer one is told by what was found.
NAME_STARTS: Final = (1, 2, 3, 4, 5, 6)
TEXT_STARTS: Final = (4, 6)
_BUFFER = 2**26  # bytes of postings that are sorted in memory
_COMMON = "content='', detail='none', columnsize=0, tokenize='ascii'"
NAMES = f"CREATE VIRTUAL TABLE names USING fts5(words, {_COMMON}, prefix='{' '.join(str(n + 1) for n in NAME_STARTS)}')"
TEXTS = f"CREATE VIRTUAL TABLE texts USING fts5(words, {_COMMON}, prefix='{' '.join(map(str, TEXT_STARTS))}')"


class Words(StrEnum):
    """Which words of records are kept."""

    TITLES = "titles"
    TEXTS = "texts"
    NONE = "none"

    @property
    def tables(self) -> dict[str, str]:
        """The full-text indexes, and how each is made."""
        return {
            Words.NONE: {},
            Words.TITLES: {"names": NAMES},
            Words.TEXTS: {"names": NAMES, "texts": TEXTS},
        }[self]


def write_words(folder: Path, words: Words) -> None:
    """Writes the words of a shard whose table is already there; nothing for `none`.

    Takes some 64 MB for each full-text index, and 16 bytes an entity.

    Raises:
        CorruptIndex: the folder does not hold a table.
        WikiClipError: the disk is full or cannot be written.
    """
    if words is Words.NONE:
        return
    table = EntityTable(folder)
    titles = (entity.title for batch in read_batches(folder / TABLE) for entity in from_batch(batch))
    lengths_E = np.fromiter((length_of(words_of(title)) for title in titles), np.uint64, len(table))
    order_E = np.sort(lengths_E << np.uint64(32) | np.arange(len(table), dtype=np.uint64))
    np.save(folder / ORDER, order_E)
    _fill(folder / FILE, table, (order_E & np.uint64(2**32 - 1)).tolist(), words)


def _fill(path: Path, table: EntityTable, numbers: list[int], words: Words) -> None:
    # No journal: what is killed is begun anew, and the folder appears once it is whole.
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={FORMAT}")
        for name, create in words.tables.items():
            connection.execute(create)
            connection.execute(f"INSERT INTO {name}({name}, rank) VALUES ('hashsize', {_BUFFER})")
        connection.execute("BEGIN")
        for row, number in enumerate(
            tqdm(numbers, desc="Words", unit=" records", disable=len(numbers) < 100_000, leave=False), start=1
        ):
            entity = table[number]
            connection.execute("INSERT INTO names(rowid, words) VALUES (?, ?)", (row, " ".join(names_of(entity))))
            if words is Words.TEXTS and entity.text:
                connection.execute("INSERT INTO texts(rowid, words) VALUES (?, ?)", (row, " ".join(all_of(entity))))
        for name in words.tables:
            connection.execute(f"INSERT INTO {name}({name}) VALUES ('optimize')")
            connection.execute(f"DELETE FROM {name}_config WHERE k = 'hashsize'")
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        raise WikiClipError(
            f"{path} cannot be written ({error}): make room, or leave words out with --words none."
        ) from error
    finally:
        connection.close()


def names_of(entity: Entity) -> list[str]:
    """What the index of names keeps of an entity. An alias repeats the title's words, so that both may share a
    question."""
    words = words_of(entity.title)
    title = tokens_of(words)
    found = [FIRST + token for token in first_tokens(words)] + [TITLE + token for token in title]
    if entity.aliases:
        found += [NAME + token for token in alias_tokens(entity, title)]
    return found


def alias_tokens(entity: Entity, title: dict[str, None]) -> dict[str, None]:
    """The tokens of the title and of all other names."""
    found = dict(title)
    for alias in entity.aliases:
        found |= tokens_of(words_of(alias))
    return found


def all_of(entity: Entity) -> dict[str, None]:
    """The tokens of title, other names, and the beginning of the text."""
    title = tokens_of(words_of(entity.title))
    return alias_tokens(entity, title) | tokens_of(words_of(entity.text[:TEXT_LENGTH]))
