import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.kb import lines
from indexer.kb.lines import count_lines, read_lines
from wikiclip.base.errors import WikiClipError


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.booleans(), st.booleans())
def test_plain_and_gzipped_files_give_the_same_lines(tmp_path_factory, parts, zipped, ends_with_newline):
    content = b"\n".join(parts) + (b"\n" if ends_with_newline else b"")
    if content.startswith((b"\x1f\x8b", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)

    expected = list(io.BytesIO(content))
    assert list(read_lines(path)) == [(n, line) for n, line in enumerate(expected, 1) if line.strip()]
    assert count_lines(path) == len(expected)


def test_a_line_too_long_to_be_a_record_is_skipped_and_the_next_is_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    path = tmp_path / "file"
    path.write_bytes(b"short\n" + b"x" * 35 + b"\nnext\n" + b"y" * 9 + b"\n" + b"z" * 30)
    assert list(read_lines(path)) == [(1, b"short\n"), (2, None), (3, b"next\n"), (4, b"y" * 9 + b"\n"), (5, None)]


def test_the_mark_at_the_start_of_a_windows_file_is_dropped(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbf{}\n")
    assert list(read_lines(path)) == [(1, b"{}\n")]


@pytest.mark.parametrize("keep", [20, 200])
def test_a_cut_off_download_is_an_error_that_says_so(tmp_path: Path, keep: int):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"\n".join(str(n).encode() for n in range(1000)))[:keep])
    with pytest.raises(WikiClipError, match=r"file\.gz is damaged or was cut off"):
        list(read_lines(path))


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path):
    with pytest.raises(WikiClipError, match=r"none could not be read"):
        list(read_lines(tmp_path / "none"))
