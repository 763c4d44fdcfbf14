"""A quote that is not closed loses its line; whatever else is in the file is read as it would be without that line."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.convert.csv_rows import rows_of

CELLS = st.lists(st.text(st.sampled_from('a",\n \r;é'), max_size=6), min_size=1, max_size=4)


def read(text: str, quote: str | None = '"') -> list[tuple[int, list[str] | str]]:
    return list(rows_of(io.StringIO(text, newline=""), delimiter=",", quote=quote))


@given(st.lists(CELLS, max_size=8))
def test_what_a_writer_writes_is_read_whatever_the_cells_hold(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    assert [cells for _, cells in read(file.getvalue())] == rows


@pytest.mark.parametrize("end", ["", 'x,"2"\n', 'x,24" wide\n', 'x,"two\nlines"\n', "\n"])
def test_an_open_quote_loses_its_line_alone(end: str) -> None:
    before = [f"{number},text" for number in range(1, 41)]
    text = "\n".join([*before, '41,"14 inch', *(f"{number},text" for number in range(42, 2001))]) + "\n" + end
    found = read(text)
    lost = [(line, cells) for line, cells in found if isinstance(cells, str)]
    assert lost == [(41, "a row has a quote that is not closed, or closed elsewhere")]
    rows = [cells for line, cells in found if line <= 2000 and not isinstance(cells, str)]
    assert rows == [[str(number), "text"] for number in range(1, 2001) if number != 41]
    assert [cells for line, cells in found if line > 2000] == [cells for _, cells in read(end)]


def test_rows_are_told_by_their_first_line() -> None:
    assert read('a,"one\ntwo"\nb,c\nd,"e"f\n') == [
        (1, ["a", "one\ntwo"]),
        (3, ["b", "c"]),
        (4, "a row is no CSV: ',' expected after '\"'"),
    ]


def test_without_quotes_one_is_a_character() -> None:
    assert read('a,"14 inch\nb,c\n', quote=None) == [(1, ["a", '"14 inch']), (2, ["b", "c"])]
