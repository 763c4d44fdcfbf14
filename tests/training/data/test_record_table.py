"""Records that are kept between runs: read once, and again where what is kept cannot be used."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from indexer.kb.jsonl import JsonLines
from indexer.kb.record import BadRecord, Entity
from indexer.records.table import TABLE
from training.data.record_table import CHARACTERS, open_table


class Read(JsonLines):
    """Counts how often all records were read."""

    times = 0

    def records(self) -> Iterator[Entity | BadRecord]:
        Read.times += 1
        return super().records()


@pytest.fixture
def kb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    path = tmp_path / "kb.jsonl"
    lines = [{"entity_id": f"Q{number}", "title": f"Thing {number}", "text": "It is one."} for number in range(5)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(Read, "times", 0)
    return Read(path)


def kept(home: Path) -> Path:
    (folder,) = (home / "features").glob("table-*")
    return folder


def test_records_are_read_once(kb: Read):
    for _ in range(2):
        entities = open_table(kb, "f" * 64).entities
        assert [entities[number].entity_id for number in range(len(entities))] == ["Q0", "Q1", "Q2", "Q3", "Q4"]
    assert kb.times == 1


def columns_of_before(folder: Path) -> None:
    old = pa.schema([pa.field("entity_id", pa.string()), pa.field("title", pa.string())])
    with pa.OSFile(str(folder / TABLE), "wb") as sink, pa.ipc.new_file(sink, old):
        pass


def cut_off(folder: Path) -> None:
    whole = (folder / CHARACTERS).read_bytes()
    (folder / CHARACTERS).write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("spoil", [columns_of_before, cut_off])
def test_what_cannot_be_used_is_read_anew(kb: Read, tmp_path: Path, spoil: Callable[[Path], None]):
    open_table(kb, "f" * 64)
    spoil(kept(tmp_path / "home"))
    table = open_table(kb, "f" * 64)
    assert table.entities[4].title == "Thing 4"
    assert len(table.characters_N) == 5
    assert kb.times == 2
