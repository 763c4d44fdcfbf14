"""Files of words that were cut off, changed, or made by somebody who means ill."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import CorruptIndex, TookTooLong
from indexer.kb.record import Entity
from indexer.records.table import to_batch, write_table
from indexer.words import opened
from indexer.words.file import FILE, ORDER, Words, write_words
from indexer.words.opened import Expression, ShardWords, kept_words

COUNT = 400
HERON = Expression("names", '"theron"')


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    words = ["heron", "egret", "stork", "ibis", "crane", "owl"]
    entities = [Entity(f"Q{n}", f"{words[n % 6]} {words[n % 5]} {n}", f"It is {words[n % 4]}.") for n in range(COUNT)]
    write_table([to_batch(entities)], folder)
    write_words(folder, Words.TEXTS)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "shard"))


def places(words: ShardWords, asked: Expression = HERON, place: int = 0, most: int = 10_000) -> list[int]:
    return [int(place) for places_K in words.rows(asked, place, most) for place in places_K]


def test_rows_come_in_their_order_from_where_they_were_left(folder: Path):
    words = ShardWords(folder, COUNT)
    every = places(words)
    assert len(every) > 100
    assert every == sorted(every)
    assert places(words, place=every[9] + 1) == every[10:]
    assert places(words, most=7) == every[:7]
    assert kept_words(folder) is words.words is Words.TEXTS


def test_a_shard_without_words_keeps_none(tmp_path: Path):
    assert kept_words(tmp_path) is Words.NONE


STATEMENTS = [
    "CREATE TABLE more (a)",
    "CREATE VIEW names_view AS SELECT load_extension('/tmp/a.so')",
    "CREATE TRIGGER t AFTER INSERT ON names_idx BEGIN SELECT 1; END",
    "CREATE INDEX i ON names_idx (pgno)",
    "PRAGMA user_version = 2",
    "PRAGMA application_id = 7",
    "INSERT INTO names(names, rank) VALUES ('rank', 'bm25(10.0)')",
    "UPDATE names_config SET v = 5",
    "DELETE FROM names_config",
    "DROP TABLE names",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ascii', 'porter') WHERE name = 'names'",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_other_tables_than_ours_are_refused(folder: Path, statement: str):
    connection = sqlite3.connect(folder / FILE)
    connection.executescript(statement)
    connection.commit()
    connection.close()
    with pytest.raises(CorruptIndex, match=FILE):
        ShardWords(folder, COUNT)
    with pytest.raises(CorruptIndex, match=FILE):
        kept_words(folder)


def first_of(content: bytes) -> bytes:
    return content[: len(content) // 3]


@pytest.mark.parametrize("change", [lambda _: b"", first_of, lambda _: b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_database_is_refused(folder: Path, change: Callable[[bytes], bytes]):
    (folder / FILE).write_bytes(change((folder / FILE).read_bytes()))
    with pytest.raises(CorruptIndex, match=FILE):
        places(ShardWords(folder, COUNT))


@pytest.mark.parametrize(
    "order_E",
    [
        np.arange(COUNT, dtype=np.uint64)[::-1].copy(),
        np.arange(COUNT - 1, dtype=np.uint64),
        np.arange(COUNT, dtype=np.uint64) + np.uint64(1),
        np.arange(COUNT, dtype=np.int64),
        np.zeros(COUNT, dtype=np.uint64),
    ],
)
def test_an_order_that_is_not_the_shards_is_refused(folder: Path, order_E: np.ndarray):
    np.save(folder / ORDER, order_E)
    with pytest.raises(CorruptIndex, match=ORDER):
        ShardWords(folder, COUNT)


def test_rows_that_are_not_there_are_refused(folder: Path):
    connection = sqlite3.connect(folder / FILE)
    connection.execute("INSERT INTO names(rowid, words) VALUES (?, 'theron')", (COUNT + 5,))
    connection.commit()
    connection.close()
    words = ShardWords(folder, COUNT)
    with pytest.raises(CorruptIndex, match="not there"):
        places(words)


def test_bytes_that_were_changed_are_an_error_or_other_rows_and_never_more(folder: Path):
    content, chance, refused = (folder / FILE).read_bytes(), random.Random(0), 0
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 20, 400])):
            changed[chance.randrange(len(content))] = chance.randrange(256)
        (folder / FILE).write_bytes(changed)
        try:
            words = ShardWords(folder, COUNT)
            for match in ('"theron"', '"ts"*', '("the"*) NOT "fheron"', '"tibis" AND "tow"*'):
                found = places(words, Expression("names", match))
                assert all(0 <= place < COUNT for place in found)
                assert found == sorted(set(found))
            places(words, Expression("texts", '"heron" AND "egret"'))
        except CorruptIndex:
            refused += 1
    assert 0 < refused < 300


def test_what_lies_beside_the_file_is_not_read(folder: Path):
    for suffix in ("-wal", "-journal", "-shm"):
        (folder / f"{FILE}{suffix}").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\xff" * 4096)
    before = sorted(path.name for path in folder.iterdir())
    assert len(places(ShardWords(folder, COUNT))) > 100
    assert sorted(path.name for path in folder.iterdir()) == before


def test_nothing_can_be_written_or_attached_from_it(folder: Path):
    words = ShardWords(folder, COUNT)
    with words._connection() as connection:
        for statement in ("CREATE TABLE a (b)", "INSERT INTO names(names) VALUES ('optimize')"):
            with pytest.raises(sqlite3.OperationalError):
                connection.execute(statement)
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("SELECT load_extension('a')")


def test_a_query_that_takes_too_long_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch):
    words = ShardWords(folder, COUNT)
    monkeypatch.setattr(opened, "SECONDS", -1.0)
    monkeypatch.setattr(opened, "STEPS", 1)
    with pytest.raises(TookTooLong):
        places(words)
    monkeypatch.undo()
    assert len(places(words)) > 100
