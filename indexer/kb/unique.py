"""The rule that every knowledge base keeps: an entity id is given once."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

from indexer.kb.record import BadRecord, Entity

CACHE_KB = 65_536  # of ids in memory; what is more lies in a temporary file


def first_of_each_id(records: Iterable[tuple[str, Entity | BadRecord]]) -> Iterator[Entity | BadRecord]:
    """Lets the first record of an id through and turns the later ones into bad records.

    Six million ids in a Python set would take most of a gigabyte.

    Args:
        records: (where the record is, record).
    """
    # An empty name is a file of its own that goes with the connection.
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as ids:
        ids.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        ids.execute("PRAGMA journal_mode = OFF")
        ids.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")
        ids.execute("BEGIN")
        for where, record in records:
            if isinstance(record, Entity) and not _is_new(ids, record.entity_id):
                yield BadRecord(where=where, why=f"entity_id {record.entity_id!r} was given before")
            else:
                yield record


def _is_new(ids: sqlite3.Connection, entity_id: str) -> bool:
    key = entity_id.encode("utf-8", "surrogatepass")
    return ids.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1
