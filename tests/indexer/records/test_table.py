from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity
from indexer.records import table as module
from indexer.records.table import TABLE, EntityTable, to_batch, write_table

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ENTITIES = st.lists(
    st.builds(
        Entity,
        entity_id=TEXT.filter(bool),
        title=TEXT,
        text=TEXT,
        images=st.lists(TEXT, max_size=3).map(tuple),
        url=st.none() | TEXT,
        attribution=st.none() | TEXT,
        aliases=st.lists(TEXT, max_size=2).map(tuple),
        tags=st.lists(TEXT, max_size=2).map(tuple),
        lang=st.none() | TEXT,
        extra=st.none() | TEXT,
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda entity: entity.entity_id,
)


def table(folder: Path, entities: list[Entity], block: int) -> EntityTable:
    batches = [to_batch(entities[start : start + block]) for start in range(0, len(entities), block)]
    assert write_table([*batches, to_batch([])], folder) == len(entities)
    return EntityTable(folder)


@settings(deadline=None, max_examples=60)
@given(ENTITIES, st.integers(1, 6), st.sampled_from([1, 300, 2**26]), TEXT)
def test_what_was_written_is_found_by_number_and_by_id(tmp_path_factory, entities, block, joined, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", joined)
        found = table(tmp_path_factory.mktemp("table"), entities, block)
    assert [found[number] for number in range(len(found))] == entities
    assert [found.number_of(entity.entity_id) for entity in entities] == list(range(len(entities)))
    if other not in {entity.entity_id for entity in entities}:
        with pytest.raises(UnknownEntity):
            found.number_of(other)
    for number in (-1, len(entities)):
        with pytest.raises(IndexError):
            found[number]


def test_a_record_without_later_fields_takes_the_bytes_of_before():
    (bare,) = to_batch([Entity("a", "b", "c")])["entity"].to_pylist()
    assert bare == msgspec.msgpack.encode(["a", "b", "c", [], None, None])


def test_ids_of_equal_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_hash", lambda entity_id: len(entity_id))
    found = table(tmp_path, [Entity(entity_id=i, title=i, text="") for i in ("aa", "b", "cc", "dd")], 2)
    assert [found.number_of(i) for i in ("aa", "b", "cc", "dd")] == [0, 1, 2, 3]
    with pytest.raises(UnknownEntity, match="'ee'"):
        found.number_of("ee")


def test_an_id_that_no_text_can_hold_is_unknown(tmp_path: Path):
    with pytest.raises(UnknownEntity):
        table(tmp_path, [Entity(entity_id="a", title="", text="")], 1).number_of("\ud800")


def test_opening_reads_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A table of 80 MB opens without 8 MB of it coming into memory."""
    monkeypatch.setattr(module, "BLOCK_BYTES", 2**22)
    big = [Entity(entity_id=f"Q{n}", title="T", text="x" * 20_000) for n in range(4000)]
    found = table(tmp_path, big, 200)
    del big
    before = pa.total_allocated_bytes()
    found = EntityTable(tmp_path)
    assert found[found.number_of("Q3999")].title == "T"
    assert pa.total_allocated_bytes() - before < 8_000_000


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"x" * 5000])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes):
    table(tmp_path, [Entity(entity_id="a", title="", text="")], 1)
    (tmp_path / TABLE).write_bytes(content)
    with pytest.raises(CorruptIndex, match=r"entities\.arrow"):
        EntityTable(tmp_path)


def test_a_table_with_other_columns_is_refused(tmp_path: Path):
    table(tmp_path, [Entity(entity_id="a", title="", text="")], 1)
    other = pa.schema([pa.field("entity_id", pa.string())])
    with pa.OSFile(str(tmp_path / TABLE), "wb") as sink, pa.ipc.new_file(sink, other):
        pass
    with pytest.raises(CorruptIndex, match="other columns"):
        EntityTable(tmp_path)
