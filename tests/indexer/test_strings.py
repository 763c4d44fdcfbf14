"""Rows of Arrow columns against what Arrow itself makes of them."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from indexer.strings import StringLists, Strings

TEXT = st.text(max_size=5)
ROWS = st.lists(st.none() | TEXT, max_size=20)


@given(ROWS, st.integers(0, 20), st.integers(0, 20))
def test_rows_are_what_arrow_reads_also_in_a_part_of_a_column(rows, start, length):
    column = pa.array(rows, pa.string()).slice(start, length)
    found, expected = Strings(column), column.to_pylist()
    assert [found.get(row) for row in range(len(column))] == expected
    assert all(found[row] == text for row, text in enumerate(expected) if text is not None)


@given(st.lists(st.lists(TEXT, max_size=4), max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_lists_are_what_arrow_reads(rows, start, length):
    column = pa.array(rows, pa.list_(pa.string())).slice(start, length)
    found = StringLists(column)
    assert [list(found[row]) for row in range(len(column))] == column.to_pylist()
