from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.records import tag_table as module
from indexer.records.table import to_batch, write_table
from indexer.records.tag_filter import TagFilter
from indexer.records.tag_table import TAGS, TagTable, write_tags

TAG = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)


def shard(folder: Path, tags: list[list[str]]) -> Path:
    folder.mkdir(exist_ok=True)
    entities = [Entity(f"Q{n}", "T", "", tags=tuple(own)) for n, own in enumerate(tags)]
    write_table((to_batch(entities[start : start + 3]) for start in range(0, len(entities), 3)), folder)
    write_tags(folder)
    return folder


@settings(max_examples=60, deadline=None)
@given(tags=st.lists(st.lists(TAG, max_size=4), min_size=1, max_size=12), data=st.data())
def test_who_has_a_tag_is_found(tmp_path_factory, tags, data):
    folder = shard(tmp_path_factory.mktemp("shard"), tags)
    living_E = np.array(data.draw(st.lists(st.booleans(), min_size=len(tags), max_size=len(tags))))
    known = sorted({tag for own in tags for tag in own})
    for table in (TagTable(folder, entities=len(tags)), TagTable(folder, entities=len(tags), is_kept=False)):
        assert table.tags_T.to_pylist() == known
        for tag in [*known, data.draw(TAG)]:
            assert table.entities(tag).tolist() == [n for n, own in enumerate(tags) if tag in own]
        expected = [sum(bool(living_E[n]) for n, own in enumerate(tags) if tag in own) for tag in known]
        assert table.counts(living_E).tolist() == expected


def test_no_tag_is_no_mistake(tmp_path: Path):
    table = TagTable(shard(tmp_path, [[], []]), entities=2)
    assert len(table) == 0
    assert table.entities("bird").tolist() == []
    assert table.counts(np.ones(2, dtype=np.bool_)).tolist() == []


def written(folder: Path, tags: list[str], lists: list[list[int]], **fields: pa.DataType) -> Path:
    schema = pa.schema([(f.name, fields.get(f.name, f.type)) for f in module._SCHEMA])
    if not fields:
        schema = module._SCHEMA
    batch = pa.RecordBatch.from_arrays([pa.array(tags, schema[0].type), pa.array(lists, schema[1].type)], schema=schema)
    with pa.OSFile(str(folder / TAGS), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)
    return folder


@pytest.mark.parametrize(
    ("tags", "lists"),
    [
        (["b", "a"], [[0], [1]]),
        (["a", "a"], [[0], [1]]),
        (["a"], [[]]),
        (["a"], [[1, 0]]),
        (["a"], [[0, 0]]),
        (["a"], [[0, 2]]),
        (["a", "b"], [[0, 1], [1, 0]]),
    ],
)
def test_what_is_no_table_of_tags_is_refused(tmp_path: Path, tags, lists):
    with pytest.raises(CorruptIndex, match=r"tags\.arrow is not of 2 entities"):
        TagTable(written(tmp_path, tags, lists), entities=2)


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(CorruptIndex, match=r"tags\.arrow"):
        TagTable(tmp_path, entities=1)
    with pytest.raises(CorruptIndex, match="other columns"):
        TagTable(written(tmp_path, ["a"], [[0]], entities=pa.list_(pa.int64())), entities=1)
    whole = (shard(tmp_path, [["heron"], ["heron", "ibis"]]) / TAGS).read_bytes()
    for damaged in (b"", b"Zzzz" * 100, whole[:200], whole[:-1], whole[: len(whole) // 2]):
        (tmp_path / TAGS).write_bytes(damaged)
        with pytest.raises(CorruptIndex, match=r"tags\.arrow"):
            TagTable(tmp_path, entities=2)


def test_no_byte_that_is_changed_points_out_of_the_shard(tmp_path: Path):
    whole = (shard(tmp_path, [["heron"], ["heron", "ibis"], ["é"]]) / TAGS).read_bytes()
    for place in range(0, len(whole)):
        (tmp_path / TAGS).write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            table = TagTable(tmp_path, entities=3)
        except CorruptIndex:
            continue
        for tag in ("heron", "ibis", "é", "x"):
            assert all(0 <= number < 3 for number in table.entities(tag))


def test_equal_filters_are_equal():
    assert TagFilter.of(["b", "a", "a"], ["c"]) == TagFilter.of(["a", "b"], ["c"], [])
    assert TagFilter.of() is TagFilter.of([], [], []) is TagFilter.of_mapping({}) is TagFilter.of_mapping(None) is None
    assert (
        TagFilter.of_mapping({"any": ["b", "a"]})
        == TagFilter.of_mapping(TagFilter(any=("b", "a")))
        == TagFilter(("a", "b"))
    )
    for wrong in ({"some": ["a"]}, {"any": "bird"}):
        with pytest.raises(ValueError, match="given as lists"):
            TagFilter.of_mapping(wrong)
