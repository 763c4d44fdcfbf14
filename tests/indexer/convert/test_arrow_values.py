"""Whatever a Parquet file's columns are of becomes JSON that says the same, or is counted as lost."""

import datetime
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from indexer.convert.__main__ import app
from indexer.convert.arrow_values import rows_of_batch
from indexer.convert.json_values import holds_bytes, json_value
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from wikiclip.base.errors import WikiClipError

LOST = "holds bytes, which JSON has no form for (first at t.parquet, row 1)"
NOTHING = "nothing"  # in extra
HOUR = datetime.datetime(2020, 1, 2, 3)
NS = 1_577_934_000_000_000_001  # the same hour, and a nanosecond


def convert(folder: Path, table: pa.Table, *arguments: str) -> tuple[list[Entity], str]:
    pq.write_table(table, folder / "t.parquet")
    said = CliRunner().invoke(
        app, ["table", str(folder / "t.parquet"), "--out", str(folder / "r.jsonl"), *arguments], catch_exceptions=False
    )
    read = list(JsonLines(folder / "r.jsonl", images=None).records())
    return [record for record in read if isinstance(record, Entity)], said.output


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (pa.string(), "brass", "brass"),
        (pa.large_string(), "brass", "brass"),
        (pa.string_view(), "brass", "brass"),
        (pa.dictionary(pa.int8(), pa.string()), "brass", "brass"),
        (pa.bool_(), False, False),
        (pa.int8(), 0, 0),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.float16(), 1.5, 1.5),
        (pa.float32(), 1.1, 1.1),
        (pa.float32(), 1592.0, 1592),
        (pa.float64(), 0.1, 0.1),
        (pa.float64(), 2.0, 2),
        (pa.float64(), 1e300, 1e300),
        (pa.float64(), float("inf"), "inf"),
        (pa.float32(), float("-inf"), "-inf"),
        (pa.float64(), float("nan"), NOTHING),
        (pa.float32(), float("nan"), NOTHING),
        (pa.decimal128(10, 2), Decimal("2.50"), "2.50"),
        (pa.decimal256(60, 2), Decimal("-12345678901234567890.10"), "-12345678901234567890.10"),
        (pa.date32(), datetime.date(1572, 1, 2), "1572-01-02"),
        (pa.time32("s"), datetime.time(1, 2, 3), "01:02:03.000"),  # Parquet has no coarser one than milliseconds
        (pa.time64("us"), datetime.time(1, 2, 3, 4), "01:02:03.000004"),
        (pa.time64("ns"), 3_723_000_000_001, "01:02:03.000000001"),
        (pa.timestamp("s"), HOUR, "2020-01-02T03:00:00.000"),
        (pa.timestamp("ns"), NS, "2020-01-02T03:00:00.000000001"),
        (pa.timestamp("ms"), -377_705_116_800_000, "-9999-01-01T00:00:00.000"),  # before Python's first year
        (pa.timestamp("us", tz="UTC"), HOUR, "2020-01-02T03:00:00.000000Z"),
        (pa.timestamp("us", tz="Europe/Paris"), NS // 1000, "2020-01-02T03:00:00.000000Z"),
        (pa.timestamp("us", tz="No/Where"), NS // 1000, "2020-01-02T03:00:00.000000Z"),
        (pa.duration("s"), datetime.timedelta(days=1, seconds=3), "PT86403S"),
        (pa.duration("ns"), 1, "PT0.000000001S"),
        (pa.duration("ms"), -1500, "PT-1.500S"),
        (pa.null(), None, NOTHING),
        (pa.string(), None, NOTHING),
        (pa.string(), "  ", NOTHING),
        (pa.list_(pa.int8()), [1, None], [1, None]),
        (pa.list_(pa.float64()), [1.5, float("nan"), float("inf")], [1.5, None, "inf"]),
        (pa.list_(pa.float64()), [], NOTHING),
        (pa.large_list(pa.string()), ["a", "b"], ["a", "b"]),
        (pa.list_(pa.int8(), 2), [1, 2], [1, 2]),
        (pa.list_(pa.date32()), [datetime.date(1572, 1, 2)], ["1572-01-02"]),
        (pa.list_(pa.list_(pa.decimal128(3, 1))), [[Decimal("1.5")]], [["1.5"]]),
        (
            pa.struct({"a": pa.int8(), "b": pa.timestamp("us")}),
            {"a": 1, "b": HOUR},
            {"a": 1, "b": "2020-01-02T03:00:00.000000"},
        ),
        (pa.struct({"a": pa.duration("ms")}), {"a": 90_500}, {"a": "PT90.500S"}),
        (pa.struct({"a": pa.time64("us")}), {"a": datetime.time(1)}, {"a": "01:00:00.000000"}),
        (pa.map_(pa.string(), pa.int8()), [("a", 1), ("b", None)], {"a": 1, "b": None}),
        (pa.map_(pa.string(), pa.int8()), [], NOTHING),
        (pa.map_(pa.string(), pa.int8()), [("a", 1), ("a", 2)], [["a", 1], ["a", 2]]),
        (pa.map_(pa.int8(), pa.date32()), [(1, datetime.date(1572, 1, 2))], [[1, "1572-01-02"]]),
        (pa.list_(pa.map_(pa.string(), pa.int8())), [[("a", 1)]], [{"a": 1}]),
    ],
    ids=str,
)
def test_a_value_is_told_as_json_has_it(kind: pa.DataType, value: Any, told: Any, tmp_path: Path) -> None:
    [record], said = convert(tmp_path, table_of(pa.array([value], kind)))
    assert json.loads(record.extra or "{}") == ({} if told is NOTHING else {"x": told})
    assert "Nothing was lost" in said
    assert "extra, which no encoder reads and everybody who may ask sees: 'x'" in said


WITHIN = {
    "list": (pa.list_, lambda value: [[value, None], None, [], [value]]),
    "large list": (pa.large_list, lambda value: [[value], None, [value]]),
    "list of two": (lambda kind: pa.list_(kind, 2), lambda value: [[value, None], None, [value, value]]),
    "lists": (lambda kind: pa.list_(pa.list_(kind)), lambda value: [[[value], None, []], None, [[None, value]]]),
    "struct": (
        lambda kind: pa.struct({"a": kind, "b": pa.int8()}),
        lambda value: [{"a": value, "b": 1}, None, {"a": None, "b": 2}, {"a": value, "b": None}],
    ),
    "structs": (
        lambda kind: pa.list_(pa.struct({"a": pa.struct({"b": kind})})),
        lambda value: [[{"a": {"b": value}}, {"a": None}], None, [None, {"a": {"b": None}}]],
    ),
    "map": (
        lambda kind: pa.map_(pa.string(), kind),
        lambda value: [[("a", value), ("b", None)], None, [("c", value)]],
    ),
}
AS_JSON = {"map": [{"a": 0, "b": None}, None, {"c": 0}]}  # where it is not what Python has, of the value 0


def in_place_of_0(held: Any, value: Any) -> Any:
    if isinstance(held, list):
        return [in_place_of_0(each, value) for each in held]
    if isinstance(held, dict):
        return {name: in_place_of_0(each, value) for name, each in held.items()}
    return value if held == 0 else held


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (pa.time64("ns"), 3_723_000_000_001, "01:02:03.000000001"),
        (pa.duration("ns"), 1, "PT0.000000001S"),
        (pa.duration("ms"), 2**60, "PT1152921504606846.976S"),  # more than Python has
        (pa.float16(), 1.5, 1.5),
        (pa.float32(), 1.1, 1.1),
        (pa.float32(), 1592.0, 1592),
        (pa.float64(), 2.0, 2),
        (pa.timestamp("us", tz="No/Where"), NS // 1000, "2020-01-02T03:00:00.000000Z"),
        (pa.timestamp("ns"), NS, "2020-01-02T03:00:00.000000001"),
        (pa.date32(), -4_371_587, "-9999-01-01"),
        (pa.decimal128(10, 2), Decimal("2.50"), "2.50"),
    ],
    ids=str,
)
def test_a_value_is_told_alike_at_every_depth(
    within: str, kind: pa.DataType, value: Any, told: Any, tmp_path: Path
) -> None:
    nested, values = WITHIN[within]
    found, _ = convert(tmp_path, table_of(pa.array([*values(value), None], nested(kind))))
    expected = [in_place_of_0(held, told) for held in AS_JSON.get(within, values(0))]
    assert [json.loads(record.extra or "{}").get("x") for record in found] == [
        held if held else None for held in [*expected, None]
    ]


def test_a_struct_with_two_fields_of_a_name_is_refused(tmp_path: Path) -> None:
    column = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(WikiClipError, match=r"'x' \(struct.*\) cannot be read: two fields .* --leave-out 'x'"):
        convert(tmp_path, table_of(column))


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_slice_of_a_nested_column_has_its_own_values(start: int) -> None:
    columns = {name: pa.array(values(1), kind(pa.int8())) for name, (kind, values) in WITHIN.items()}
    for name, column in columns.items():
        [*rows] = rows_of_batch(pa.record_batch({"x": column.slice(start)}), ())
        assert [row["x"] for row in rows] == WITHIN[name][1](1)[start:]


class CountedFile(pq.ParquetFile):
    schemas = 0

    @property
    def schema_arrow(self) -> pa.Schema:
        type(self).schemas += 1
        return super().schema_arrow


def test_the_schema_of_a_wide_table_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedFile, "schemas", 0)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", CountedFile)
    wide = pa.table({"id": ["7"], "title": ["Globe"]} | {f"c{number}": [number] for number in range(300)})
    [record], _ = convert(tmp_path, wide)
    assert len(json.loads(record.extra or "")) == 300
    assert CountedFile.schemas == 1


def table_of(column: pa.Array) -> pa.Table:
    return pa.table({"id": list(range(len(column))), "title": ["Globe"] * len(column), "x": column})


def test_a_uuid_is_what_it_prints(tmp_path: Path) -> None:
    one = uuid.UUID("96e7d11f-1186-44e9-9cbd-a61f977100c5")
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([one.bytes], pa.binary(16)))
    [record], _ = convert(tmp_path, pa.table({"id": column, "title": ["Globe"], "x": column}))
    assert (record.entity_id, json.loads(record.extra or "")) == (str(one), {"x": str(one)})


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (pa.binary(), b"\x00\xff", NOTHING),
        (pa.binary(), b"", NOTHING),
        (pa.large_binary(), b"text", NOTHING),
        (pa.binary(4), b"text", NOTHING),
        (pa.binary_view(), b"text", NOTHING),
        (pa.dictionary(pa.int8(), pa.binary()), b"text", NOTHING),
        (pa.list_(pa.binary()), [b"a", None], [None]),
        (pa.list_(pa.binary()), [b"a", b"b"], NOTHING),
        (pa.struct({"bytes": pa.binary(), "path": pa.string()}), {"bytes": b"a", "path": "a.png"}, {"path": "a.png"}),
        (pa.struct({"bytes": pa.binary()}), {"bytes": b"a"}, NOTHING),
        (pa.map_(pa.string(), pa.binary()), [("a", b"a")], NOTHING),
        (pa.map_(pa.int8(), pa.binary()), [(1, b"a"), (2, None)], [[2, None]]),
        (pa.map_(pa.binary(), pa.int8()), [(b"a", 1)], NOTHING),
        (pa.map_(pa.list_(pa.binary()), pa.int8()), [([b"a"], 1), ([], 2)], [[[], 2]]),
    ],
    ids=str,
)
def test_bytes_are_left_out_and_counted(kind: pa.DataType, value: Any, told: Any, tmp_path: Path) -> None:
    [first, second], said = convert(tmp_path, table_of(pa.array([value, None], kind)))
    assert json.loads(first.extra or "{}") == ({} if told is NOTHING else {"x": told})
    assert second.extra is None
    assert f"1 parts left out: a cell of 'x' {LOST}" in said
    _, said = convert(tmp_path, table_of(pa.array([value], kind)), "--leave-out", "x")
    assert "Nothing was lost" in said


def test_a_column_of_bytes_is_not_said_to_be_public(tmp_path: Path) -> None:
    table = table_of(pa.array([b"a"])).append_column("y", pa.array(["brass"]))
    table = table.append_column("z", pa.array([b"a"]).dictionary_encode())
    _, said = convert(tmp_path, table)
    assert "everybody who may ask sees: 'y'." in said


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("id", pa.array([b"7"]), r"'id' holds 'binary', which cannot become entity_id: .* --id, or --leave-out 'id'"),
        ("title", pa.array([["a"]]), "'title' holds 'list<element: string>', which cannot become title"),
        ("text", pa.array([{"en": "a"}]), "'text' holds 'struct<en: string>', which cannot become text"),
        ("image", pa.array([{"bytes": b"a", "path": "a"}]), "'image' holds 'struct.*>', which .* --image, or"),
        ("tags", pa.array([[b"a"]]), "'tags' holds 'list<element: binary>', which cannot become tags"),
        ("x", pa.array([2**50], pa.timestamp("s")), r"'x' \(timestamp.*\) cannot be read: .*out of range"),
        ("x", pa.array([[2**50]], pa.list_(pa.timestamp("s"))), r"'x' \(list.*\) cannot be read: .* --leave-out 'x'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(name: str, column: pa.Array, said: str, tmp_path: Path) -> None:
    table = pa.table({"id": ["7"], "title": ["Globe"]} | {name: column})
    with pytest.raises(WikiClipError, match=said):
        convert(tmp_path, table)
    if name not in ("id", "title"):
        assert len(convert(tmp_path, table, "--leave-out", name)[0]) == 1


def test_lists_and_numbers_may_be_names_and_ids(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([Decimal("7.0")]),
        "title": pa.array([datetime.date(1572, 1, 2)]),
        "tags": [[1, 2.5, None]],
    }
    [record], _ = convert(tmp_path, pa.table(columns))
    assert (record.entity_id, record.title, record.tags) == ("7.0", "1572-01-02", ("1", "2.5"))


def test_a_column_that_comes_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["7"]), pa.array(["a"]), pa.array(["b"])], names=["id", "title", "title"])
    with pytest.raises(WikiClipError, match="names the column 'title' twice"):
        convert(tmp_path, table)


def test_names_with_dots_are_names(tmp_path: Path) -> None:
    table = pa.table({"id": ["7"], "title": ["a"], "a": [{"b": 1}], "a.b": ["c"]})
    [record], _ = convert(tmp_path, table)
    assert json.loads(record.extra or "") == {"a": {"b": 1}, "a.b": "c"}
    for name, left in (("a", {"a.b": "c"}), ("a.b", {"a": {"b": 1}})):
        [record], _ = convert(tmp_path, table, "--leave-out", name)
        assert json.loads(record.extra or "") == left


def test_only_bytes_are_without_a_form() -> None:
    assert json_value({"a": [(1, "b")], "c": (1, 2)}) == {"a": [[1, "b"]], "c": [1, 2]}
    assert holds_bytes([{"a": [("b", b"")]}])
    assert not holds_bytes([{"a": [("b", "")]}])
