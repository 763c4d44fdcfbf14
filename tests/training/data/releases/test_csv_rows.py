"""Whatever a table holds comes out of its file, and what is no table is said."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.releases.csv_rows import csv_rows
from wikiclip.base.errors import WikiClipError

# Not "\r", which a reader of lines has to take for a line's end, and no mark that stands for bytes that are no UTF-8.
values = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufffd\ufeff"), max_size=8)


def written(rows: list[list[str]], ending: str = "\r\n") -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=ending).writerows(rows)
    return text.getvalue().encode()


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(values, values), min_size=1, max_size=6),
    ending=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
    mark=st.booleans(),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows, ending: str, packed: bool, mark: bool
):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    content = b"\xef\xbb\xbf" * mark + written([["a", "b"], *rows], ending)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = [row for _, row in csv_rows(path, ["b", "a"])]
    # A blank line within a value goes: nothing else does.
    kept = [{"a": without_blank_lines(a), "b": without_blank_lines(b)} for a, b in rows]
    assert [
        row if isinstance(row, str) else {k: without_blank_lines(v) for k, v in row.items()} for row in found
    ] == kept


def without_blank_lines(value: str) -> str:
    return "\n".join(line for line in value.split("\n") if line.strip())


def test_quotes_and_line_ends_within_a_value(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"one\ntwo, three","a ""word"""\nx,\n')
    assert list(csv_rows(path, ["a"])) == [
        ("a.csv:3", {"a": "one\ntwo, three", "b": 'a "word"'}),
        ("a.csv:4", {"a": "x", "b": ""}),
    ]


def test_a_row_that_is_none_is_named_and_stops_nothing(tmp_path: Path):
    path = tmp_path / "a.csv"
    lines = [b"a,b", b"1,2", b"1", b"1,2,3", b'"1"x,2', b"\xff,2", b"a\0b,2", b"3,4", b'"cut off,']
    path.write_bytes(b"\n".join(lines))
    found = dict(csv_rows(path, ["a", "b"]))
    assert {where for where, row in found.items() if isinstance(row, dict)} >= {"a.csv:2", "a.csv:8"}
    for line, why in ((3, "1 values"), (4, "3 values"), (5, "no row of a CSV file"), (6, "UTF-8"), (9, "no row")):
        assert why in found[f"a.csv:{line}"]


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html>\n<html>", b'{"a": 1, "b": 2}', b"a;b\n1;2\n", b'"a\n', b"a\n1\n"]
)
def test_another_file_is_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(WikiClipError, match=r"^[^\n]*a\.csv does not begin with a line that names the columns a, b"):
        csv_rows(path, ["a", "b"])


def test_utf_16_and_a_cut_archive_are_named(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-16")
    with pytest.raises(WikiClipError, match="UTF-16"):
        csv_rows(path, ["a"])
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5000)[:-20])
    with pytest.raises(WikiClipError, match="cut off"):
        list(csv_rows(path, ["a"]))
