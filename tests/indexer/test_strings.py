"""Rows of Arrow columns against what Arrow itself makes of them."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from indexer.strings import NullableStrings, StringLists, Strings

TEXT = st.text(max_size=5)
ROWS = st.lists(st.none() | TEXT, max_size=20)


@given(ROWS, st.integers(0, 20), st.integers(0, 20), st.randoms())
def test_rows_are_what_arrow_reads_also_in_a_part_of_a_column(rows, start, length, random):
    column = pa.array(rows, pa.string()).slice(start, length)
    asked = random.choices(range(len(column)), k=length) if len(column) else []
    assert NullableStrings(column).take(asked) == [column[row].as_py() for row in asked]
    known = [row for row in asked if column[row].is_valid]
    found, expected = Strings(column), [column[row].as_py() for row in known]
    assert found.take(known) == [found[row] for row in known] == expected


@given(st.lists(st.lists(TEXT, max_size=4), max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_lists_are_what_arrow_reads(rows, start, length):
    column = pa.array(rows, pa.list_(pa.string())).slice(start, length)
    found = StringLists(column).take(range(len(column)))
    assert [list(row) for row in found] == column.to_pylist()
